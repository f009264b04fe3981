"""Faults of the data itself."""
