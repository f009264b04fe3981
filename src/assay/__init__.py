"""Assay: what a model has really learned, bit by bit.

Names are imported when they are first used, so `import assay` costs no more than the standard library.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.core.errors import AssayError as AssayError
    from assay.core.finding import Finding as Finding
    from assay.core.finding import Severity as Severity
    from assay.core.ledger import Ledger as Ledger
    from assay.core.report import Report as Report
    from assay.face.api import check as check
    from assay.face.api import compare as compare
    from assay.face.api import load as load
    from assay.face.api import samples as samples
    from assay.face.api import train as train
    from assay.face.run import Run as Run
    from assay.face.watching import watch as watch
    from assay.watch.attach import Watch as Watch

__version__ = "0.1.0"

_HOMES = {
    "AssayError": "assay.core.errors",
    "Finding": "assay.core.finding",
    "Severity": "assay.core.finding",
    "Ledger": "assay.core.ledger",
    "Report": "assay.core.report",
    "check": "assay.face.api",
    "compare": "assay.face.api",
    "load": "assay.face.api",
    "samples": "assay.face.api",
    "train": "assay.face.api",
    "Run": "assay.face.run",
    "Watch": "assay.watch.attach",
    "watch": "assay.face.watching",
}
__all__ = [
    "AssayError",
    "Finding",
    "Ledger",
    "Report",
    "Run",
    "Severity",
    "Watch",
    "__version__",
    "check",
    "compare",
    "load",
    "samples",
    "train",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'assay' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(types.ModuleType):
    """The package, on which the functions `train` and `watch` win over the rooms of the same names.

    Importing a room binds its module on the package; unhindered, the first `assay.train(...)` would hide the function from
    the second. `from assay.train import fit` reaches the room as ever.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, types.ModuleType) and name in _HOMES:
            return
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
