"""What each feature alone tells about the target, in the loss's own unit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.audit.arithmetic import Identity, exact_sum
from assay.audit.column import numbers_of
from assay.audit.gain import (
    class_counts,
    class_gain_bits,
    equal_means_p,
    folds_of,
    independence_p,
    merged,
    value_gain_share,
    value_sums,
)
from assay.audit.hindsight import hindsight_word
from assay.audit.image import brightness
from assay.audit.joint import joint_shares
from assay.audit.level import Levels, levels_of
from assay.audit.missingness import class_tell, value_tell
from assay.audit.profile import measure_target
from assay.audit.statement import class_statement, value_statement
from assay.audit.word import ROWS_READ, contains_label_share, word_indicator, words_of
from assay.core.seeds import seed_for
from assay.core.table_evidence import Association, AssociationEvidence, TargetEvidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.table.table import Table

ROWS_MEASURED = 50_000
ROWS_JOINT = 20_000
MAX_CLASSES = 64
MAX_JOINT_COLUMNS = 160
MAX_LEFT_OUT = 12
BINS_TRIED = (8, 32, 256)
MIN_SHARE_LEFT_OUT = 0.05
MANY_CATEGORIES = 50


@dataclass(frozen=True, slots=True)
class _Target:
    """The target of the rows that are measured: class numbers or values, and their folds."""

    evidence: TargetEvidence
    values: NDArray[np.generic]
    classes: tuple[str, ...]
    folds: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.values.astype(np.int64)


def associate(table: Table, *, seed: int = 0) -> AssociationEvidence:
    """Measure what every feature alone tells about the target, cross-fitted on at most 50,000 rows.

    Raises:
        ColumnError: the table has no target, or one that cannot be predicted.

    Example:
        >>> from assay.table import Roles, Table
        >>> frame = pl.DataFrame({"x": list(range(100)), "y": ["no"] * 50 + ["yes"] * 50})
        >>> told = associate(Table(frame, {"x": "number", "y": "category"}, Roles(target="y"))).columns[0]
        >>> told.share > 0.9, told.rule
        (True, 'x <= 49 -> no in 50 of 50 rows')
    """
    from assay.table.target import target_of

    whole = target_of(table)
    evidence = measure_target(table, whole)
    rng = np.random.default_rng(seed_for(seed, "associate"))
    kept = np.asarray(whole.rows_kept)
    chosen = np.arange(len(kept)) if len(kept) <= ROWS_MEASURED else np.sort(rng.choice(len(kept), ROWS_MEASURED, replace=False))
    frame = table.frame.select(table.features)
    for name, grid in table.grids.items():
        if grid.is_packed and name in frame.columns:
            frame = frame.with_columns(brightness(name, grid, frame))
    if len(chosen) < table.rows:
        frame = frame[kept[chosen]]
    values, classes = np.asarray(whole.values)[chosen], whole.classes
    del whole, kept  # two numbers a row of the whole table
    if len(classes) > MAX_CLASSES:
        values, classes = _pooled(values.astype(np.int64), classes)
    target = _Target(evidence, values, classes, folds_of(len(chosen), seed_for(seed, "folds")))
    levels = {c: levels_of(frame[c]) for c in frame.columns}
    told = [_associate_one(frame[c], table.kinds[c], levels[c], target) for c in frame.columns]
    told = _with_arithmetic(told, frame, target)
    told, joint = _with_rest(told, levels, target, rng)
    return AssociationEvidence(evidence, tuple(sorted(told, key=lambda a: (-a.bits, a.column))), len(chosen), joint)


def _pooled(values: NDArray[np.int64], classes: tuple[str, ...]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Keep the most frequent classes; the rest become one."""
    order = np.argsort(-np.bincount(values, minlength=len(classes)), kind="stable")
    number = np.full(len(classes), MAX_CLASSES - 1)
    number[order[: MAX_CLASSES - 1]] = np.arange(MAX_CLASSES - 1)
    return number[values], (*(classes[i] for i in order[: MAX_CLASSES - 1]), "any other class")


def _associate_one(column: pl.Series, kind: str, levels: Levels, target: _Target) -> Association:
    plain = Association(column.name, kind, 0.0, 0.0, 1.0, name_hint=hindsight_word(column.name))
    absent = column.is_null().to_numpy()
    if target.evidence.task == "regression":
        values = target.values.astype(np.float64)
        measured = _of_values(plain, levels, target, values)
        return replace(measured, missing=value_tell(absent, values), equals_target=_equal_numbers(column, values))
    measured = _of_classes(plain, levels, target)
    measured = replace(measured, missing=class_tell(absent, target.labels, target.classes))
    if column.dtype == pl.String and levels.n > MANY_CATEGORIES:
        return _of_words(measured, column, target)
    return measured


def _of_classes(plain: Association, levels: Levels, target: _Target) -> Association:
    counts = class_counts(levels.codes, levels.n, target.labels, len(target.classes), target.folds)
    bins = BINS_TRIED if levels.edges is not None else (0,)
    bits = max(class_gain_bits(merged(counts, levels.coarser(b)) if b else counts) for b in bins)
    whole = counts.sum(axis=0)
    tested = merged(counts, levels.coarser(32)).sum(axis=0) if levels.edges is not None else _frequent(whole)
    return replace(
        plain,
        bits=bits,
        share=_share(bits, target.evidence.opening),
        p=independence_p(tested),
        rule=class_statement(_said(plain), levels, whole, target.classes),
        equals_target=_equal_codes(whole, len(target.values)),
    )


def _of_values(plain: Association, levels: Levels, target: _Target, values: NDArray[np.float64]) -> Association:
    mean, std = float(values.mean()), float(values.std()) or 1.0
    sums = value_sums(levels.codes, levels.n, (values - mean) / std, levels.numbers, target.folds)
    bins = BINS_TRIED if levels.edges is not None else (0,)
    share = max(value_gain_share(merged(sums, levels.coarser(b)) if b else sums) for b in bins)
    tested = merged(sums, levels.coarser(32)).sum(axis=0) if levels.edges is not None else _frequent(sums.sum(axis=0))
    rule = value_statement(_said(plain), levels, sums.sum(axis=0), mean, std, target.evidence.column)
    return replace(plain, bits=share * target.evidence.opening, share=share, p=equal_means_p(tested[:, :3]), rule=rule)


def _said(plain: Association) -> str:
    """What of the column is compared with the target: of an image its brightness."""
    return f"brightness of {plain.column}" if plain.kind == "image" else plain.column


def _of_words(measured: Association, column: pl.Series, target: _Target) -> Association:
    """The stronger of what the whole value and what its best single word tells."""
    rows = min(ROWS_READ, len(column))
    places = np.linspace(0, len(column) - 1, rows).astype(np.int64)
    words = words_of(column[places])
    labels, folds = target.labels[places], target.folds[places]
    counts, word = word_indicator(words, labels, len(target.classes), folds)
    bits = class_gain_bits(counts)
    contains = contains_label_share(words, labels, target.classes, rows)
    if bits <= measured.bits:
        return replace(measured, contains_label=contains)
    present = counts.sum(axis=0)[1]
    label = int(np.argmax(present))
    rule = f"{column.name} has the word {word!r} -> {target.classes[label]} in {int(present[label])} of {int(present.sum())} rows"
    share = _share(bits, target.evidence.opening)
    return replace(measured, bits=bits, share=share, p=independence_p(counts.sum(axis=0)), rule=rule, contains_label=contains)


def _share(bits: float, opening: float) -> float:
    return min(1.0, bits / opening) if opening > 0 else 0.0


def _frequent(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels of fewer than five rows pooled, so that the test counts them once."""
    size = table.sum(axis=1) if table.shape[1] != 6 and table.shape[1] != 3 else table[:, 0]
    rare = size < 5
    return np.concatenate([table[~rare], table[rare].sum(axis=0, keepdims=True)])


def _equal_codes(counts: NDArray[np.float64], rows: int) -> float:
    """Share of rows in which the level names the class, if levels and classes pair off one to one; else 0."""
    held = counts[counts.sum(axis=1) > 0]
    best = held.argmax(axis=1)
    if held.shape[0] != held.shape[1] or len(set(best.tolist())) != len(best):
        return 0.0
    return float(held.max(axis=1).sum()) / rows


def _equal_numbers(column: pl.Series, values: NDArray[np.float64]) -> float:
    """Share of rows in which a column of numbers equals the target, as it is or by the line through two of its quantiles."""
    if column.dtype == pl.String:
        return 0.0
    numbers = numbers_of(column)
    known = np.isfinite(numbers)
    if known.sum() < 3:
        return 0.0
    tolerance = 1e-9 * (np.abs(values) + float(values.std()))
    same = float((np.abs(numbers - values) <= tolerance).mean())
    order = np.flatnonzero(known)[np.argsort(numbers[known], kind="stable")]
    low, high = order[len(order) // 10], order[(9 * len(order)) // 10]
    run = numbers[high] - numbers[low]
    if run == 0 or values[high] == values[low]:
        return same
    line = values[low] + (numbers - numbers[low]) * (values[high] - values[low]) / run
    return max(same, float((np.abs(line - values) <= tolerance).mean()))


def _with_arithmetic(told: list[Association], frame: pl.DataFrame, target: _Target) -> list[Association]:
    if target.evidence.task != "regression":
        return told
    numbers = {a.column: numbers_of(frame[a.column]) for a in told if a.kind in ("number", "boolean")}
    identity: Identity | None = exact_sum(numbers, target.values.astype(np.float64), target.evidence.column)
    if identity is None:
        return told
    others = {c: tuple(o for o in identity.columns if o != c) for c in identity.columns}
    return [replace(a, combination=others[a.column], formula=identity.formula) if a.column in others else a for a in told]


def _with_rest(
    told: list[Association], levels: dict[str, Levels], target: _Target, rng: np.random.Generator
) -> tuple[list[Association], float]:
    """Add what all other features jointly explain to the strongest features, and return what all explain."""
    strongest = sorted(told, key=lambda a: (-a.share, a.column))[:MAX_JOINT_COLUMNS]
    asked = [i for i, a in enumerate(strongest[:MAX_LEFT_OUT]) if a.share >= MIN_SHARE_LEFT_OUT]
    rows = len(target.values)
    chosen = np.arange(rows) if rows <= ROWS_JOINT else np.sort(rng.choice(rows, ROWS_JOINT, replace=False))
    features = [_taken(levels[a.column], chosen) for a in strongest]
    classes = len(target.classes) if target.evidence.task == "classification" else 0
    joint, rest = joint_shares(features, asked, target.values[chosen], classes, target.folds[chosen])
    by_name = {strongest[i].column: r for i, r in zip(asked, rest, strict=True)}
    return [replace(a, rest_share=by_name.get(a.column)) for a in told], joint


def _taken(levels: Levels, rows: NDArray[np.int64]) -> Levels:
    return replace(levels, codes=levels.codes[rows], numbers=None if levels.numbers is None else levels.numbers[rows])
