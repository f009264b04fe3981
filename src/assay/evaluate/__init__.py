"""Predictions to metrics, calibration, slices and the ledger."""
