"""Faults of the model itself: how it is born, and what its layers make of what they are fed."""
