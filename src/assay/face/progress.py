"""How the job tells of its progress; the terminal draws it, a notebook or a test may listen."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener to the job."""

    def stage(self, name: str) -> None:
        """A stage begins: "read", "audit", "split", a model's name, "evaluate", "ledger", "artifact", "report"."""

    def update(self, done_share: float, loss: float | None, seconds_left: float | None, unit: str = "") -> None:
        """The stage has come so far (0 to 1), with this validation loss in `unit`, and so many seconds to go."""

    def note(self, text: str) -> None:
        """Something that a person should read, in one line."""


class Noting:
    """A listener that keeps the notes and passes everything on.

    Args:
        listener: Who listens behind it.

    Attributes:
        notes: What was noted.
    """

    def __init__(self, listener: Progress) -> None:
        self.notes: list[str] = []
        self._listener = listener

    def stage(self, name: str) -> None:
        """Pass on."""
        self._listener.stage(name)

    def update(self, done_share: float, loss: float | None, seconds_left: float | None, unit: str = "") -> None:
        """Pass on."""
        self._listener.update(done_share, loss, seconds_left, unit)

    def note(self, text: str) -> None:
        """Keep and pass on."""
        self.notes.append(text)
        self._listener.note(text)


class Silent:
    """A listener that says nothing."""

    def stage(self, name: str) -> None:
        """Ignore."""

    def update(self, done_share: float, loss: float | None, seconds_left: float | None, unit: str = "") -> None:
        """Ignore."""

    def note(self, text: str) -> None:
        """Ignore."""
