"""Rows and text in: read, type, roles, fingerprint, split plans, built-in samples."""

from assay.table.claims import FAULTS, generate_claims
from assay.table.fingerprint import fingerprint
from assay.table.read import read
from assay.table.sample import Sample, sample, samples
from assay.table.split import Split, check_parts, split
from assay.table.table import KINDS, Roles, Table, concat
from assay.table.target import TargetColumn, target_of, task_of

__all__ = [
    "FAULTS",
    "KINDS",
    "Roles",
    "Sample",
    "Split",
    "Table",
    "TargetColumn",
    "check_parts",
    "concat",
    "fingerprint",
    "generate_claims",
    "read",
    "sample",
    "samples",
    "split",
    "target_of",
    "task_of",
]
