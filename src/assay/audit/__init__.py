"""Measure data before any model exists: evidence for rules."""
