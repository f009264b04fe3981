"""Measure data before any model exists: its profile, what its columns tell about the target, what its parts share."""

from assay.audit.association import associate
from assay.audit.audit import audit
from assay.audit.part import compare_parts
from assay.audit.profile import profile

__all__ = ["associate", "audit", "compare_parts", "profile"]
