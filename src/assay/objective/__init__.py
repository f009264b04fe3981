"""What is minimised: losses with their unit and best constant, metrics for people, calibration."""

from assay.objective.loss import LOSSES, AbsoluteError, LogLoss, Loss, SquaredError, loss_for

__all__ = ["LOSSES", "AbsoluteError", "LogLoss", "Loss", "SquaredError", "loss_for"]
