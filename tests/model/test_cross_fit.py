"""Rows that are asked are never among those learned from."""

import numpy as np

from assay.model import cross_fit
from assay.model.contract import Rows
from assay.model.cross_fit import each_fold, folds_of
from assay.model.encoding import Encoded


def rows(n: int) -> Rows:
    return Rows(Encoded(np.zeros((n, 1)), ("a",), ("a",), np.zeros((n, 0), np.int32), (), ()), np.zeros(n))


def test_few_rows_are_each_asked_once_by_a_fit_that_did_not_see_them():
    fold_of = folds_of(rows(80), rows(20))
    asked = np.concatenate([here for kept, here in each_fold(fold_of) if not set(kept) & set(here)])
    assert sorted(asked) == list(range(100))
    assert len(np.unique(fold_of)) == cross_fit.FOLDS


def test_many_rows_or_costly_fits_ask_the_validation_rows_alone(monkeypatch):
    costly = folds_of(rows(80), rows(20), is_cheap=False)
    monkeypatch.setattr(cross_fit, "MAX_CROSS_FITTED_ROWS", 99)
    for fold_of in (costly, folds_of(rows(80), rows(20))):
        ((kept, asked),) = each_fold(fold_of)
        assert kept.tolist() == list(range(80))
        assert asked.tolist() == list(range(80, 100))
