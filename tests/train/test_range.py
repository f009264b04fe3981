"""The rate that a rising one suggests is one to train with."""

from pathlib import Path

import numpy as np
import pytest
from tests.train import tables
from tests.train.nets import reader, text

from assay.model.contract import Rows
from assay.model.encoding import Encoder
from assay.model.mlp import Mlp
from assay.objective.loss import LOSSES
from assay.table import Roles, read, target_of
from assay.train import Settings, fit
from assay.train.ladder import fit_model
from assay.train.range_test import FIRST_STEPS, suggested

RATES = tuple(1e-6 * 10 ** (i / 20) for i in range(120))


def falling_to(lowest_at: int) -> list[float]:
    """Losses that fall in a straight line from the 40th rate on to this one, and rise after it."""
    return [2.0 - np.clip((i - 40) / (lowest_at - 40), 0.0, 1.0) + 0.1 * max(0, i - lowest_at) for i in range(len(RATES))]


def test_the_rate_at_four_fifths_of_the_fall_is_suggested_if_it_is_far_from_the_lowest_loss() -> None:
    losses = [2.0 if i < 40 else 1.1 - 0.1 * (i - 40) / 60 if i < 100 else 1.0 + 0.1 * (i - 100) for i in range(len(RATES))]
    found = suggested(RATES, losses, Settings())
    assert found.suggestion == RATES[40]
    assert "80% of its fall from 2 to 1" in found.why


def test_else_it_is_a_tenth_of_the_rate_at_the_lowest_loss() -> None:
    found = suggested(RATES, falling_to(100), Settings())
    assert found.suggestion == pytest.approx(RATES[100] / 10)
    assert "a tenth of 0.1, where the loss" in found.why


def test_where_nothing_is_seen_the_usual_rate_is_kept() -> None:
    assert suggested(RATES, [2.0] * len(RATES), Settings()).suggestion == Settings().peak
    assert "broke within 5 steps" in suggested(RATES[:5], [2.0] * 5, Settings(optimiser="sgd")).why
    noisy = [2.0 - 0.05 * (i > FIRST_STEPS) for i in range(len(RATES))]
    assert "by more than batches differ (0.1)" in suggested(RATES, noisy, Settings(), spread=0.1).why


@pytest.mark.parametrize(("rows", "loss", "classes"), [(tables.two_classes(600), "log", 2), (tables.a_line(600), "squared", 0)])
def test_a_table_is_learned_as_well_by_the_rate_that_is_found(rows: Rows, loss: str, classes: int) -> None:
    train, valid = tables.part(rows, 0, 400), tables.part(rows, 400, 600)
    held_out = {}
    for rate in (None, "auto"):
        knobs = Settings(**{**Mlp.usual_settings, "learning_rate": rate, "epochs": 8})
        done = fit_model(Mlp(), train, valid, loss=LOSSES[loss], classes=classes, seed=0, settings=knobs, watched=False)
        held_out[rate] = LOSSES[loss].mean(valid.target, done.model.predict(valid.data))
        assert any(note.startswith("learning rate ") for note in done.notes) == (rate == "auto")
    assert held_out["auto"] < 1.05 * held_out[None]


def test_a_language_model_learns_as_well_by_the_rate_that_is_found() -> None:
    data, held_out = text(2_000), {}
    for rate in (1e-3, "auto"):
        run = fit(reader(), "next-token", data, settings=Settings(learning_rate=rate, batch_rows=16, epochs=4, threads=1), watched=False)
        held_out[rate] = run.history.train_loss[-1]
    assert held_out["auto"] < 1.05 * held_out[1e-3]


@pytest.mark.shared
def test_a_real_table_is_learned_as_well_by_the_rate_that_is_found(shared_data: Path) -> None:
    table = read(shared_data / "titanic/titanic_openML.csv").with_roles(Roles(target="survived", drop=("boat", "body", "name", "ticket")))
    target = target_of(table)
    order = np.random.default_rng(0).permutation(len(target.rows_kept))
    encoded = Encoder.fit(table).transform(table)
    train, valid = (Rows(encoded.take(places), target.values[places]) for places in np.split(order, [900]))
    held_out = []
    for rate in (None, "auto"):
        knobs = Settings(**{**Mlp.usual_settings, "learning_rate": rate, "epochs": 8})
        done = fit_model(Mlp(), train, valid, loss=LOSSES["log"], classes=2, seed=0, settings=knobs, watched=False)
        held_out.append(LOSSES["log"].mean(valid.target, done.model.predict(valid.data)))
    assert held_out[1] < 1.05 * held_out[0]
