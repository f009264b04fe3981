"""Rows and text in: read, type, roles, fingerprint, split plans, built-in samples."""

from assay.table.fingerprint import fingerprint
from assay.table.read import read
from assay.table.sample import Sample, sample, samples
from assay.table.split import Split, check_parts, split
from assay.table.table import KINDS, Roles, Table, concat
from assay.table.target import TargetColumn, target_of, task_of

__all__ = [
    "KINDS",
    "Roles",
    "Sample",
    "Split",
    "Table",
    "TargetColumn",
    "check_parts",
    "concat",
    "fingerprint",
    "read",
    "sample",
    "samples",
    "split",
    "target_of",
    "task_of",
]
