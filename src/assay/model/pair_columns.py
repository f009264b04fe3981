"""Which columns stand for the two items of a pair: told by name, or found by the marks that people put on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.errors import OptionError, nearest

MARKS = (("left", "right"), ("a", "b"), ("1", "2"), ("first", "second"), ("one", "two"), ("x", "y"))
SAME = ("same", "yes", "true", "1", "y", "t", "match", "duplicate", "similar", "equal", "paraphrase", "related", "positive")
DIFFERENT = ("different", "no", "false", "0", "n", "f", "mismatch", "distinct", "dissimilar", "unequal", "unrelated", "other", "negative")

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NOT = re.compile(r"(not|non|no|un|dis)\b|(not|non)[_-]", re.IGNORECASE)


@dataclass(frozen=True)
class PairColumns:
    """The columns of both items, in the same order.

    Attributes:
        left: Of one item.
        right: Of the other.
    """

    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def told(self) -> str:
        """Which are compared, in a few words.

        Example:
            >>> PairColumns(("left_age", "left_city"), ("right_age", "right_city")).told
            'left_age ~ right_age and 1 more'
        """
        more = f" and {len(self.left) - 1} more" if len(self.left) > 1 else ""
        return f"{self.left[0]} ~ {self.right[0]}{more}"


def pair_columns(names: Sequence[str], *, texts: Sequence[str] = (), asked: Sequence[str] = ()) -> PairColumns:
    """The columns of both items of a pair.

    Named columns, or columns that differ by nothing but the two marks named, such as left and right; if nothing is named, by the
    usual marks, at the beginning or the end, and else the only two columns of text there are.

    Args:
        names: Of all columns that are read.
        texts: Those among them that are texts.
        asked: Two columns, or two marks; empty to find them.

    Raises:
        OptionError: there are none.

    Example:
        >>> pair_columns(["text1", "text2", "source"])
        PairColumns(left=('text1',), right=('text2',))
        >>> pair_columns(["question", "answer"], texts=["question", "answer"]).told
        'question ~ answer'
    """
    if asked:
        return _as_asked(names, asked)
    found = max((_marked(names, left, right) for left, right in MARKS), key=len)
    only = tuple(texts) if len(texts) == 2 and not {name for pair in found for name in pair}.intersection(texts) else ()
    pairs = [*found, *([(only[0], only[1])] if only else [])]
    if not pairs:
        shown = ", ".join(repr(name) for name in names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        raise OptionError(
            f"siamese compares the two items of a pair, and of the {len(names)} columns read ({shown}) no two are marked as such, "
            "as text1 and text2 or left_age and right_age are; name them with --pair LEFT RIGHT"
        )
    return PairColumns(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))


def _as_asked(names: Sequence[str], asked: Sequence[str]) -> PairColumns:
    if len(asked) != 2 or asked[0] == asked[1]:
        raise OptionError(f"--pair takes two columns, or two marks that differ, got {' '.join(asked)!r}; such as --pair text1 text2")
    left, right = asked
    if left in names and right in names:
        return PairColumns((left,), (right,))
    pairs = _marked(names, left, right)
    if not pairs:
        absent = left if left not in names else right
        raise OptionError(
            f"--pair {left} {right}: {absent!r} is neither a column that is read nor the mark of one; {nearest(absent, names)}"
        )
    return PairColumns(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))


def _marked(names: Sequence[str], left: str, right: str) -> list[tuple[str, str]]:
    """Columns that bear these marks and are named alike without them."""
    sides = [{stem: name for name in reversed(names) if (stem := _without(name, mark)) is not None} for mark in (left, right)]
    return [(name, sides[1][stem]) for stem, name in reversed(sides[0].items()) if stem in sides[1]]


def _without(name: str, mark: str) -> tuple[str, tuple[str, ...]] | None:
    """Where the mark stands in the name, and the words around it; None where it does not."""
    words = tuple(word.lower() for word in _WORD.findall(_HUMP.sub("_", name)))
    marks = tuple(word.lower() for word in _WORD.findall(mark))
    if not marks or len(marks) > len(words):
        return None
    if words[-len(marks) :] == marks:
        return "end", words[: -len(marks)]
    return ("start", words[len(marks) :]) if words[: len(marks)] == marks else None


def same_class(names: Sequence[str]) -> int:
    """Which of two classes is that of pairs that belong together.

    Args:
        names: Of the classes; the second is taken where they have none.

    Raises:
        OptionError: there are more or fewer than two, or their names do not tell.

    Example:
        >>> same_class(["different", "same"]), same_class(["True", "False"]), same_class(["entailed", "not entailed"])
        (1, 0, 0)
    """
    if not names:
        return 1
    if len(names) != 2:
        raise OptionError(
            f"siamese tells same from different, and the target has {len(names)} classes; give one of 2, or a score of numbers"
        )
    lowered = [str(name).strip().lower() for name in names]
    for known, place in ((SAME, 0), (DIFFERENT, 1)):
        is_known = [name in known for name in lowered]
        if sum(is_known) == 1:
            return is_known.index(True) ^ place
    denied = [bool(_NOT.match(name)) for name in lowered]
    if sum(denied) == 1:
        return denied.index(False)
    raise OptionError(
        f"which of the classes {names[0]!r} and {names[1]!r} is that of pairs that belong together? "
        f"Call it one of {', '.join(SAME[:6])}, or the other one of {', '.join(DIFFERENT[:6])}"
    )
