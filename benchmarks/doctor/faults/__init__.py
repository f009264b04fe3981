"""The planted faults, by where they sit; importing the package enters them all."""

from benchmarks.doctor.faults import beyond, data, document, loss, number, rate, regular, signal, start, wiring

__all__ = ["beyond", "data", "document", "loss", "number", "rate", "regular", "signal", "start", "wiring"]
