"""From a source to encoded parts: read, give roles, split, encode. The same settings give the same parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import ColumnError, InputError
from assay.core.seeds import seed_for
from assay.face.job.settings import Settings
from assay.model.contract import Rows
from assay.model.encoding import Encoder
from assay.model.family import refuse_unfit, refuse_without
from assay.objective import Loss, loss_for
from assay.table import Roles, Split, Table, TargetColumn, check_parts, concat, read, split, target_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

VALID_SHARE = 0.12
MIN_ROWS = 20


@dataclass(frozen=True)
class Parts:
    """A table cut and encoded, ready to train on.

    Attributes:
        table: The rows whose target is known, with roles.
        target: Their target.
        split: Positions of the training and the held-out rows.
        fit, valid: Positions of the training rows to learn from, and of those to stop and calibrate by.
        encoder: Fitted on the training rows.
        encoded: All rows of `table`, encoded.
    """

    table: Table
    target: TargetColumn
    split: Split
    fit: NDArray[np.intp]
    valid: NDArray[np.intp]
    encoder: Encoder
    encoded: Any
    weight: NDArray[np.float64] | None
    loss: Loss

    @property
    def classes(self) -> int:
        """Number of classes, 0 for regression."""
        return len(self.target.classes)

    def rows(self, positions: NDArray[np.intp]) -> Rows:
        """The encoded rows at these positions, with targets and weights."""
        weight = None if self.weight is None else self.weight[positions]
        return Rows(self.encoded.take(positions), self.target.values[positions], weight, self.target.classes)

    def without(self, columns: tuple[str, ...]) -> Parts:
        """The same cut with some columns taken from the features and the encoding made anew."""
        roles = replace(self.table.roles, drop=(*self.table.roles.drop, *columns))
        table = self.table.with_roles(roles)
        encoder = Encoder.fit(table.take(self.split.train))
        return replace(self, table=table, encoder=encoder, encoded=encoder.transform(table))


def read_source(source: Any, settings: Settings, *, like: Table | None = None) -> Table:
    """Read a source as the settings say; `like` is the part to learn from where the source is the one to test on."""
    table = read(
        source,
        encoding=settings.encoding,
        separator=settings.separator,
        missing=settings.missing or None,
        types=settings.types,
        like=None if like is None else like.kinds,
        image_size=settings.image_size,
        grids=None if like is None else like.grids,
        part="train" if like is None else "test",
    )
    return table.with_roles(
        Roles(
            target=settings.target,
            time=settings.time,
            entity=settings.entity,
            group=settings.group,
            weight=settings.weight,
            ids=table.roles.ids,
            drop=settings.drop,
            task=settings.task,
        )
    )


def prepare(table: Table, settings: Settings) -> Parts:
    """Cut a table by the settings and encode it by its training rows.

    Raises:
        InputError: too few rows, a part without a second class, a weight that is no positive number, a model for another task.
    """
    if settings.model == "siamese":
        from assay.model.pair_table import with_items_as_texts

        table = with_items_as_texts(table, settings.pair, settings.types or {})
    given: int | None = None
    if settings.test_share is None:
        held_out = read_source(settings.test, settings, like=table)
        given, table = table.rows, concat(table, held_out)
    target = target_of(table, settings.task)
    if settings.model is not None:
        refuse_unfit(settings.model, target.task)
    known = table.take(target.rows_kept)
    if known.rows < MIN_ROWS:
        raise InputError(f"{known.rows} rows with a known {settings.target!r}; training, stopping and testing need at least {MIN_ROWS}")
    cut = _cut(known, target, settings, None if given is None else int(np.sum(target.rows_kept < given)))
    check_parts(cut, target)
    train = known.take(cut.train)
    inner = _inner(train, target, cut.train, settings)
    encoder = Encoder.fit(train)
    if settings.model is not None:
        refuse_without(settings.model, {*encoder.kinds.values(), *(["image"] if encoder.images else [])})
    return Parts(
        table=known,
        target=target,
        split=cut,
        fit=cut.train[inner.train],
        valid=cut.train[inner.test],
        encoder=encoder,
        encoded=encoder.transform(known),
        weight=_weights(known, settings.weight),
        loss=loss_for(target.task, settings.ledger_loss),
    )


def _cut(table: Table, target: TargetColumn, settings: Settings, given: int | None) -> Split:
    if given is not None:
        if given in {0, table.rows}:
            empty = "training" if given == 0 else "held-out"
            raise InputError(f"the {empty} file has no row with a known {settings.target!r}; give another file")
        return Split(np.arange(given), np.arange(given, table.rows), "given")
    return split(
        table,
        test=settings.test_share or 0.2,
        group=settings.group or settings.entity,
        time=settings.time,
        target=target,
        seed=seed_for(settings.seed, "split"),
    )


def _inner(train: Table, target: TargetColumn, positions: NDArray[np.intp], settings: Settings) -> Split:
    return split(
        train,
        test=VALID_SHARE,
        group=settings.group or settings.entity,
        time=settings.time,
        target=target.take(positions),
        seed=seed_for(settings.seed, "valid"),
    )


def _weights(table: Table, column: str | None) -> NDArray[np.float64] | None:
    if column is None:
        return None
    if table.kind(column) != "number":
        raise ColumnError(f"weight column {column!r} holds {table.kind(column)}, a weight is a positive number")
    weight = table.frame[column].cast(float).fill_null(float("nan")).to_numpy()
    wrong = np.flatnonzero(~(weight > 0) | ~np.isfinite(weight))
    if wrong.size:
        raise ColumnError(f"weight column {column!r} holds {weight[wrong[0]]} in row {wrong[0] + 1}; a weight is a positive number")
    return np.asarray(weight / weight.mean(), dtype=np.float64)
