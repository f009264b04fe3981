"""Evidence about the parts of a table: what the rows to test on share with the rows to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from assay.core.evidence import Evidence


@dataclass(frozen=True, slots=True)
class CrossDuplicates:
    """Rows of the test part that repeat a row of the training part.

    Attributes:
        rows: Test rows whose features (ids left out) equal those of a training row.
        same_label: Those of them whose target is equal too; equals `rows` when no target was named.
        row_numbers: First of them (1-based rows of the test part).
        by_chance: Such rows that the columns' own coarseness explains: those left when halves of the test rows' columns are
            shuffled against each other.
    """

    rows: int
    same_label: int
    row_numbers: tuple[int, ...] = ()
    by_chance: float = 0.0


@dataclass(frozen=True, slots=True)
class EntityOverlap:
    """Entities that occur in both parts."""

    column: str
    train_entities: int
    test_entities: int
    shared_entities: int
    test_rows: int
    examples: tuple[str, ...] = ()
    row_numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeOrder:
    """Where the two parts lie in time; times are ISO texts.

    Attributes:
        train_rows_after_test_start: Training rows later than the first test row: the future that the model may have seen.
    """

    column: str
    train_first: str
    train_last: str
    test_first: str
    test_last: str
    train_rows_after_test_start: int
    row_numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitEvidence(Evidence):
    """Two parts of one table side by side.

    Attributes:
        how: How the split came about: "given" (a second file), "random", "stratified", "group" or "time"; of a text "position"
            (its end is held out), "documents" (the last whole ones) or "given".
        row: What is counted as a row: "row" of a table, "passage" of a text.
    """

    train_rows: int
    test_rows: int
    how: str = "given"
    duplicates: CrossDuplicates | None = None
    entities: tuple[EntityOverlap, ...] = ()
    time: TimeOrder | None = None
    row: str = "row"

    absent: ClassVar[str] = "no second part to compare with (--against)"
