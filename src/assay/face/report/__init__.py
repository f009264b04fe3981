"""The report: one self-contained HTML file a run."""

from __future__ import annotations

from assay.face.report.page import render

__all__ = ["render"]
