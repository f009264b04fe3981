"""Freeze a trained model and load it again without running code."""
