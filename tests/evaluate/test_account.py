"""The closed ledger and the whole evidence of an evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluate.toys import problem

from assay.core.eval_evidence import EvalEvidence
from assay.evaluate import Candidate, account, evaluate
from assay.objective import loss_for


def books(task="classification", **kwargs):
    model, train, test, constant = problem(2, task=task, rows=400)
    classes = 2 if task == "classification" else 0
    loss = loss_for(task)
    book = account("scores", model, model.predict, loss=loss, classes=classes, train=train, test=test, seconds=2, **kwargs)
    return book, model, train, test, constant, loss


def test_balances_are_the_plain_mean_losses():
    book, model, train, test, constant, loss = books()
    assert book.opening == pytest.approx(loss.mean(test.target, np.broadcast_to(constant, (400, 2))))
    assert book.closing == pytest.approx(loss.mean(test.target, model.predict(test.data)))
    assert book.train_closing == pytest.approx(loss.mean(train.target, model.predict(train.data)))
    assert book.unit == "bits/row"
    memorised = book.adjustments[0]
    assert memorised.kind == "memorised"
    assert memorised.amount == pytest.approx(book.closing - book.train_closing)
    assert not memorised.counts


def test_a_leak_is_taken_off_the_reduction():
    _, model, _, test, _, loss = books()
    per_row = loss.per_row(test.target, model.predict(test.data))
    book = books(leaks=("boat",), leak_free_per_row=per_row + 0.125)[0]
    leaked = next(a for a in book.adjustments if a.kind == "leaked")
    assert leaked.amount == pytest.approx(0.125)
    assert leaked.se == pytest.approx(0.0, abs=1e-12)
    assert "boat" in leaked.because
    assert book.honest == pytest.approx(book.reduction - 0.125)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_an_evaluation_is_whole_and_travels(task):
    book, model, _, test, constant, loss = books(task)
    final = model.predict(test.data)
    candidates = (
        Candidate("constant", 0, 1.0, np.broadcast_to(constant, final.shape).copy()),
        Candidate("scores", 2, book.train_closing, final),
    )
    classes = ("no", "yes") if task == "classification" else ()
    found = evaluate(candidates, "scores", target=test.target, classes=classes, loss=loss, ledger=book)
    assert found.opening == book.opening
    assert found.rung("scores").reduction == pytest.approx(book.reduction)
    assert EvalEvidence.from_json(found.to_json()) == found
    if task == "classification":
        assert sum(sum(row) for row in found.confusion) == 400
        assert [a.kind for a in found.ledger.adjustments] == ["memorised", "miscalibrated"]
        assert found.ledger.adjustments[1].amount == max(0.0, found.calibration.gain)
    else:
        assert found.calibration is None
        assert found.residuals[3] == (pytest.approx(final[3]), pytest.approx(test.target[3]))
        assert found.target_std == pytest.approx(test.target.std())
