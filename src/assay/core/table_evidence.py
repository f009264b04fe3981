"""Evidence about a table before any model exists: its profile, and what its columns tell about the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from assay.core.evidence import Evidence
from assay.core.image_evidence import ImageEvidence


@dataclass(frozen=True, slots=True)
class SuspectValue:
    """A value that may stand for "missing".

    Attributes:
        value: The value as written.
        rows: How many rows hold it.
        kind: "word" (a literal such as NULL or ?), "code" (a number far from the bulk or repeated nines), "blank".
        score: For codes: gap to the nearest other value as a multiple of the range of all other values, infinite if the code is
            the only negative value; for words and blanks: share of the rows that hold a value.
        row_numbers: First data rows (1-based) that hold it.
    """

    value: str
    rows: int
    kind: str
    score: float = 0.0
    row_numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnEvidence:
    """What one column looks like.

    Attributes:
        name: Column label.
        kind: "number", "category", "text", "date", "boolean" or "image", as inferred.
        role: "feature", "target", "id", "time", "entity", "group", "weight" or "dropped".
        rows: Rows seen, missing ones included.
        missing: Missing rows.
        distinct: Distinct non-missing values.
        top: Most frequent values with their rows, at most 20, most frequent first.
        mean, std, minimum, quartiles, maximum: Of numbers and of dates as days since 1970; None for others.
        integer: Every number is whole.
        histogram: Bin edges (k + 1) and counts (k) of numbers; empty for others.
        parses_as_number: Rows of text values that read as a number (text columns only).
        unparsed: Example text values that do not read as a number while most do.
        suspects: Values that may stand for "missing".
        sequential: Sorted by row, the numbers rise (or fall) by a constant step in at least 99 % of rows.
        mean_length: Mean characters of text values.
        mean_words: Mean words (between blanks) of text values.
        image: Name of the image that this column is a pixel of, "" for other columns.
    """

    name: str
    kind: str
    rows: int
    distinct: int
    missing: int = 0
    role: str = "feature"
    top: tuple[tuple[str, int], ...] = ()
    mean: float | None = None
    std: float | None = None
    minimum: float | None = None
    quartiles: tuple[float, ...] = ()
    maximum: float | None = None
    integer: bool = False
    histogram_edges: tuple[float, ...] = ()
    histogram_counts: tuple[int, ...] = ()
    parses_as_number: int = 0
    unparsed: tuple[str, ...] = ()
    suspects: tuple[SuspectValue, ...] = ()
    sequential: bool = False
    mean_length: float = 0.0
    mean_words: float = 0.0
    image: str = ""


@dataclass(frozen=True, slots=True)
class TargetEvidence:
    """What is to be predicted.

    Attributes:
        column: Target column.
        task: "classification" or "regression".
        classes: Class labels with their rows, most frequent first; empty for regression.
        opening: Loss of the best constant: entropy in bits for classes, variance for regression.
        unit: Unit of `opening`, such as "bits/row".
    """

    column: str
    task: str
    rows: int
    missing: int = 0
    classes: tuple[tuple[str, int], ...] = ()
    opening: float = 0.0
    unit: str = "bits/row"


@dataclass(frozen=True, slots=True)
class TableEvidence(Evidence):
    """A table's profile.

    Attributes:
        source: Where the rows came from.
        fingerprint: Content hash of names, types and values.
        duplicate_rows: Rows that repeat an earlier row in every column that is not an id.
        duplicate_row_numbers: First of them (1-based data rows).
        duplicates_by_chance: Repeats that the columns' own coarseness explains: those left when halves of the columns are
            shuffled against each other.
        target: What is to be predicted; None when no target was named.
        images: What the images look like, if there are any.
    """

    rows: int
    columns: tuple[ColumnEvidence, ...]
    source: str = ""
    fingerprint: str = ""
    duplicate_rows: int = 0
    duplicate_row_numbers: tuple[int, ...] = ()
    duplicates_by_chance: float = 0.0
    target: TargetEvidence | None = None
    images: tuple[ImageEvidence, ...] = ()

    absent: ClassVar[str] = "no table was measured"

    @property
    def looks(self) -> int:
        """One look a column."""
        return max(1, len(self.columns))

    @property
    def features(self) -> tuple[ColumnEvidence, ...]:
        """The columns that a model may read."""
        return tuple(c for c in self.columns if c.role == "feature")


@dataclass(frozen=True, slots=True)
class MissingTell:
    """What a column's being missing or not tells about the target.

    Attributes:
        missing, present: Rows on either side.
        bits: Mutual information of the missing indicator with the target, bias-corrected, in the target's unit.
        share: `bits` as a share of the target's opening balance.
        side: "missing" or "present": the side whose target is the purer one.
        outcome: The class (or "target mean ...") that prevails on that side.
        purity: Share of that side's rows with that class; base_rate is the class's share in all rows.
        p: Of the independence of indicator and target.
    """

    missing: int
    present: int
    bits: float
    share: float
    side: str
    outcome: str
    purity: float
    base_rate: float
    p: float


@dataclass(frozen=True, slots=True)
class Association:
    """What one feature alone tells about the target.

    Attributes:
        column: The feature.
        bits: Reduction of the held-out loss by this column alone (cross-fitted, so noise gives about 0), in the target's unit.
        share: `bits` as a share of the opening balance, 0 to 1.
        p: Of independence.
        rule: The strongest single statement, such as "owner = 'farmer' -> ham in 3672 of 3672 rows".
        rest_share: What all other features jointly explain, the same way measured; None when there is no other.
        name_hint: The word of its name that tells of something known only after the outcome, such as "refunded"; "" if none.
        contains_label: Share of rows whose text contains the row's own label as a word, while other labels' words are absent.
        equals_target: Share of rows on which the column equals the target up to coding.
        missing: What its being missing tells, if any row is missing.
        combination: Other columns that together with this one give the target by exact arithmetic.
        formula: That arithmetic, such as "casual + registered = count in 10886 of 10886 rows".
    """

    column: str
    kind: str
    bits: float
    share: float
    p: float
    rule: str = ""
    rest_share: float | None = None
    name_hint: str = ""
    contains_label: float = 0.0
    equals_target: float = 0.0
    missing: MissingTell | None = None
    combination: tuple[str, ...] = ()
    formula: str = ""


@dataclass(frozen=True, slots=True)
class AssociationEvidence(Evidence):
    """What each feature alone tells about the target, in bits.

    Attributes:
        target: Target column, its task and opening balance.
        columns: One association a feature, strongest first.
        joint_share: What all features jointly explain, cross-fitted, as a share of the opening balance.
    """

    target: TargetEvidence
    columns: tuple[Association, ...]
    rows: int = 0
    joint_share: float = 0.0

    absent: ClassVar[str] = "no target named (--target)"

    @property
    def looks(self) -> int:
        """One look a feature."""
        return max(1, len(self.columns))
