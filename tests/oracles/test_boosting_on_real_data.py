"""Boosting against scikit-learn's with default settings, on real files and the same split."""

import numpy as np
import polars as pl
import pytest

from assay.model.boosting import Boosting
from assay.model.contract import Rows
from assay.model.encoding import Encoder
from assay.objective.loss import loss_for
from assay.table.table import Roles, Table

FILES = {"german": ("german_credit/german_credit.csv", "class"), "mammography": ("mammography/mammography.csv.gz", "class")}


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_held_out_loss_is_no_worse_than_the_default_boosters_beyond_noise(shared_data, name):
    from sklearn.ensemble import HistGradientBoostingClassifier

    path, target = FILES[name]
    frame = pl.read_csv(shared_data / path)
    kinds = {c: "number" if kind.is_numeric() else "category" for c, kind in frame.schema.items()}
    table = Table(frame, kinds, Roles(target=target), name)
    values = np.unique(frame[target].to_numpy(), return_inverse=True)[1]
    order = np.random.default_rng(1).permutation(table.rows)
    test, valid, train = np.split(order, [table.rows // 4, table.rows * 2 // 5])
    known = np.concatenate([train, valid])
    encoder = Encoder.fit(table.take(known))
    rows = {part: Rows(encoder.transform(table.take(at)), values[at]) for part, at in (("train", train), ("valid", valid), ("test", test))}

    model, loss = Boosting(), loss_for("classification")
    model.fit(rows["train"], rows["valid"], loss=loss, classes=2, seed=0)
    mine = loss.per_row(rows["test"].target, model.predict(rows["test"].data))
    matrix = {part: np.concatenate([one.data.numbers, one.data.codes], axis=1) for part, one in rows.items()}
    default = HistGradientBoostingClassifier(random_state=0)
    default.fit(np.concatenate([matrix["train"], matrix["valid"]]), values[known])
    theirs = loss.per_row(rows["test"].target, default.predict_proba(matrix["test"]))
    excess = mine - theirs
    assert excess.mean() < 2 * excess.std() / np.sqrt(len(excess))
