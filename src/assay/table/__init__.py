"""Rows and text in: read, type, roles, fingerprint, split plans, built-in samples."""

from assay.table.table import KINDS, Roles, Table

__all__ = ["KINDS", "Roles", "Table"]
