"""One rule finds the rule that made the data, says it in words, and stays silent on noise."""

import numpy as np
import pytest

from assay.model.contract import Rows
from assay.model.encoding import Encoded, Encoder
from assay.model.one_rule import OneRule
from assay.objective.loss import LOSSES, loss_for


def rows_with(numbers: np.ndarray, codes: np.ndarray, target: np.ndarray, names: tuple[str, ...] = ()) -> Rows:
    labels = tuple(f"n{i}" for i in range(numbers.shape[1]))
    data = Encoded(numbers, labels, labels, codes.astype(np.int32), ("town",), (5,), code_levels=(("oslo", "rome", "lima"),))
    return Rows(data, target, class_names=names)


def fitted(rows: Rows, classes: int, loss: str | None = None) -> OneRule:
    model = OneRule()
    one = LOSSES[loss] if loss else loss_for("classification" if classes else "regression")
    model.fit(rows, rows.take(np.arange(0)), loss=one, classes=classes, seed=0)
    return model


@pytest.fixture
def noise(rng):
    return rng.normal(size=(400, 3)), rng.integers(0, 5, (400, 1))


@pytest.mark.parametrize("loss", ["log", "squared", "absolute"])
def test_the_threshold_that_made_the_target_is_found(noise, rng, loss):
    numbers, codes = noise
    above = numbers[:, 1] > 0.4
    target = above.astype(np.int64) if loss == "log" else 10.0 * above + rng.normal(0, 0.1, 400)
    model = fitted(rows_with(numbers, codes, target), 2 if loss == "log" else 0, loss)
    assert (model.partition.kind, model.partition.column) == ("threshold", "n1")
    assert model.partition.threshold == pytest.approx(0.4, abs=0.1)


def test_being_missing_is_a_cell_of_its_own(noise):
    numbers, codes = noise
    numbers[::3, 2] = np.nan
    model = fitted(rows_with(numbers, codes, np.isnan(numbers[:, 2]).astype(np.int64), ("no", "yes")), 2)
    assert model.partition.column == "n2"
    assert "missing -> yes (0.99)" in model.describe()


def test_a_category_table_is_told_in_words(noise):
    numbers, codes = noise
    model = fitted(rows_with(numbers, codes, (codes[:, 0] == 3).astype(np.int64), ("stays", "leaves")), 2)
    assert model.describe().startswith("town missing -> stays")
    assert "rome -> leaves (0.9" in model.describe()
    assert len(model.describe()) <= 120


def test_a_word_of_a_text_can_be_the_rule(table):
    encoded = Encoder.fit(table).transform(table)
    target = np.array(["good" in text for text in table.frame["review"]], dtype=np.int64)
    assert "'good'" in fitted(Rows(encoded, target), 2).describe() or "'bad'" in fitted(Rows(encoded, target), 2).describe()


def test_noise_has_no_rule_most_of_the_time():
    silent = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rows = rows_with(rng.normal(size=(300, 3)), rng.integers(0, 5, (300, 1)), rng.integers(0, 2, 300))
        silent += fitted(rows, 2).describe() == "no column tells more than the constant"
    assert silent >= 6


def test_a_level_of_few_rows_promises_little():
    codes = np.array([2] * 99 + [3])[:, None]
    target = np.array([0, 1] * 49 + [0, 1])
    model = fitted(rows_with(np.arange(100.0)[:, None] % 2, codes, target), 2)
    assert model.predict(rows_with(np.zeros((1, 1)), np.array([[3]]), np.array([0])).data).max() < 1
