"""Promises with figures: `python -m benchmarks` measures each and says whether it holds."""
