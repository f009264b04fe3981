"""Leaks, and faults of the split."""
