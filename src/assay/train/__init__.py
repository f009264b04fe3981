"""The loop and the ladder."""
