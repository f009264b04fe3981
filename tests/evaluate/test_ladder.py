"""The ladder: paired errors, and the simplest model within one of them."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.errors import InputError
from assay.evaluate import Candidate, recommend
from assay.evaluate.ladder import rungs_of
from assay.objective import loss_for

SQUARED = loss_for("regression")


def candidates(rng, *offsets, rows=400):
    """A constant and models whose error is noise of a given size, the same noise for all."""
    target = rng.normal(size=rows) * 3
    noise = rng.normal(size=rows)
    made = [Candidate("constant", 0, 9.0, np.zeros(rows))]
    made += [Candidate(f"m{i}", i, 0.0, target + scale * noise) for i, scale in enumerate(offsets, start=1)]
    return tuple(made), target


def test_a_reductions_error_is_that_of_the_difference_row_by_row(rng):
    made, target = candidates(rng, 1.0, 1.001)
    rungs = rungs_of(made[::-1], target, SQUARED)
    assert [r.name for r in rungs] == ["constant", "m1", "m2"]
    assert rungs[0].reduction == rungs[0].reduction_se == 0.0
    difference = np.square(target) - np.square(target - made[1].prediction)
    assert rungs[1].reduction == pytest.approx(difference.mean())
    assert rungs[1].reduction_se == pytest.approx(difference.std(ddof=1) / 20)


def test_a_better_model_is_recommended_when_rows_agree_even_if_the_losses_overlap(rng):
    made, target = candidates(rng, 1.0, 0.97)
    rungs = rungs_of(made, target, SQUARED)
    assert rungs[1].held_out_loss - rungs[2].held_out_loss < rungs[2].se
    assert recommend(made, target, SQUARED) == "m2"


@pytest.mark.parametrize("seed", range(4))
def test_the_simplest_within_one_error_of_the_best_is_recommended(seed):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=400)
    made = tuple(Candidate(f"m{i}", i, 0.0, target + (1.3 if i == 0 else 1.0) * rng.normal(size=400)) for i in range(4))
    per_row = [np.square(target - one.prediction) for one in made]
    best = min(per_row, key=np.mean)
    errors = [min((losses - best).std(ddof=1), best.std(ddof=1)) / 20 for losses in per_row]
    within = [i for i, losses in enumerate(per_row) if (losses - best).mean() <= errors[i]]
    assert recommend(made, target, SQUARED) == f"m{within[0]}"
    assert within[0] > 0


def test_a_few_wild_rows_do_not_excuse_a_simple_model(rng):
    target = rng.normal(size=50)
    wild = target + 0.5 * rng.normal(size=50)
    wild[7] += 40.0
    steady = target + 0.5 * rng.normal(size=50)
    made = (Candidate("wild", 1, 0.0, wild), Candidate("steady", 2, 0.0, steady))
    assert recommend(made, target, SQUARED) == "steady"


def test_a_model_that_equals_the_constant_but_for_rounding_has_no_reduction():
    target = np.linspace(1, 2, 60)
    made = (Candidate("constant", 0, 0.0, np.full(60, 1.5)), Candidate("same", 1, 0.0, np.full(60, 1.5 + 1e-15)))
    rung = rungs_of(made, target, SQUARED)[1]
    assert rung.reduction == rung.reduction_se == 0.0


def test_weights_decide_which_rows_count(rng):
    target = np.zeros(100)
    weight = np.where(np.arange(100) < 50, 1.0, 1e-9)
    left, right = np.where(weight > 0.5, 0.0, 5.0), np.where(weight > 0.5, 1.0 + rng.random(100), 0.0)
    made = (Candidate("good at light rows", 0, 0.0, right, weight), Candidate("good at heavy rows", 1, 0.0, left, weight))
    assert recommend(made, target, SQUARED) == "good at heavy rows"


def test_nothing_to_choose_from_is_said():
    with pytest.raises(InputError, match="0 trained models"):
        recommend((), np.zeros(3), SQUARED)


def test_of_two_perfect_models_the_simpler_is_recommended(rng):
    target = rng.normal(size=400) * 3
    made = (
        Candidate("constant", 0, 9.0, np.zeros(400)),
        Candidate("one-rule", 1, 0.0, target + 1e-3),
        Candidate("mlp", 4, 0.0, target),
    )
    assert recommend(made, target, SQUARED) == "one-rule"
    assert recommend((made[0], Candidate("one-rule", 1, 0.0, target + 0.2), made[2]), target, SQUARED) == "mlp"
