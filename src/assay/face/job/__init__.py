"""The main job: from a source of rows to a trained model whose every bit is accounted for."""

from assay.face.job.pipeline import resume, run
from assay.face.job.settings import Settings

__all__ = ["Settings", "resume", "run"]
