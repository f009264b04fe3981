"""Freeze and load safely: weights, encoding, schema, fingerprints and findings; loading runs no code from the file."""

from assay.artifact.predictor import Predictions, Predictor
from assay.artifact.store import load, save

__all__ = ["Predictions", "Predictor", "load", "save"]
