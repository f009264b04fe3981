"""Faults of the evaluation, and what the numbers really say."""
