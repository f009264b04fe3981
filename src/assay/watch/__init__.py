"""Probes on a running model."""
