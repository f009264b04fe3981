"""Trainings on which nothing may be warned of, many of them hard or noisy; importing the package enters them all."""

from benchmarks.doctor.healthy import images, losses, plain, schedules, sequences, unusual

__all__ = ["images", "losses", "plain", "schedules", "sequences", "unusual"]
