"""Predictions on held-out rows become evidence: the ladder, metrics, slices, and the closed ledger of the loss."""

from assay.evaluate.account import account
from assay.evaluate.evaluate import evaluate
from assay.evaluate.ladder import Candidate, recommend
from assay.evaluate.learner_side import learner_side
from assay.evaluate.source_side import source_side

__all__ = ["Candidate", "account", "evaluate", "learner_side", "recommend", "source_side"]
