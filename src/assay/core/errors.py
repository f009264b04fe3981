"""Errors for people: what is wrong, the value seen, what is accepted, the next step.

AssayError
├── InputError          the user's input cannot be used (exit status 2)
│   ├── SourceError     a file or table cannot be read; says file, row, column
│   ├── ColumnError     a named column is absent or unfit; offers the nearest names
│   ├── OptionError     an option's value is not accepted
│   └── ExtraMissing    an optional dependency is needed; says the pip line
├── RunError            a run folder cannot be used: absent, half written, of another data set
│   └── LeaderEnded     of several processes, the one that did the job ended
└── RuleError           a rule file breaks the contract; names the file and the cure
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class AssayError(Exception):
    """Root of everything that Assay raises on purpose; its text is one line of cause and cure.

    Example:
        >>> str(AssayError("no file 'x.csv'; give an existing path"))
        "no file 'x.csv'; give an existing path"
    """


class InputError(AssayError):
    """The user's input cannot be used as given."""


class SourceError(InputError):
    """A source of rows cannot be read."""


class ColumnError(InputError):
    """A column is absent or cannot play the role that it was given."""


class OptionError(InputError):
    """An option has a value that is not accepted."""


class ExtraMissing(InputError):
    """An optional dependency is needed for what was asked."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra {extra!r}, which is not installed; run: pip install 'assay[{extra}]'")


class RunError(AssayError):
    """A run folder cannot be used."""


class LeaderEnded(RunError):
    """Of several processes, the one that does the job ended, and says itself why."""


class Interrupted(KeyboardInterrupt):
    """A run was interrupted by its user; what is done is kept in `folder`.

    It is no AssayError, so that whoever catches errors does not catch the wish to stop.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"interrupted; what is done is kept in {folder}")
        self.folder = folder


class RuleError(AssayError):
    """A rule file breaks the rule contract."""


def nearest(wrong: str, known: Iterable[str], *, at_most: int = 3) -> str:
    """Say the known names nearest to a wrong one, as the tail of an error text.

    Args:
        wrong: The name as the user typed it.
        known: The names that would have been accepted.
        at_most: How many to offer.

    Returns:
        "did you mean 'income'?", or the first names there are when nothing is near.

    Example:
        >>> nearest("incme", ["age", "income"])
        "did you mean 'income'?"
        >>> nearest("zzz", ["age", "income"])
        "there are 'age', 'income'"
    """
    names = list(known)
    lowered = {name.lower(): name for name in reversed(names)}
    close = [lowered[n] for n in difflib.get_close_matches(wrong.lower(), list(lowered), n=at_most, cutoff=0.6)]
    if close:
        return "did you mean " + " or ".join(repr(n) for n in close) + "?"
    shown = ", ".join(repr(n) for n in names[:8])
    return f"there are {shown}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")
