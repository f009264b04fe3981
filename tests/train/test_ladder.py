from pathlib import Path

import numpy as np
import pytest
import torch
from tests.train.tables import a_line, part, two_classes

from assay.core.errors import RunError
from assay.model.contract import Rows
from assay.model.mlp import Mlp, Shape
from assay.objective.loss import LOSSES
from assay.train.ladder import Training, fit_model
from assay.train.settings import Settings

SMALL = Shape(hidden=(16, 8))
BRIEF = Settings(epochs=6, batch_rows=64)


def trained(rows: Rows | None = None, *, loss: str = "log", classes: int = 2, n: int = 300, **options: object) -> Training:
    rows = rows or two_classes(n)
    train, valid = part(rows, 0, n * 3 // 4), part(rows, n * 3 // 4, n)
    given = {"settings": BRIEF, "seed": 0, **options}
    return fit_model(Mlp(SMALL), train, valid, loss=LOSSES[loss], classes=classes, **given)  # type: ignore[arg-type]


def test_it_learns_and_keeps_the_best_epoch() -> None:
    rows = two_classes(1000)
    training = trained(rows, n=1000, settings=Settings(epochs=20, batch_rows=64))
    trace = training.trace
    assert trace is not None
    assert min(trace.valid_loss) < 0.6 * trace.opening
    assert trace.best_epoch == int(np.argmin(trace.valid_loss))
    valid = part(rows, 750, 1000)
    assert LOSSES["log"].mean(valid.target, training.model.predict(valid.data)) == pytest.approx(min(trace.valid_loss), rel=1e-9)


def test_snapshots_go_from_birth_to_the_kept_weights() -> None:
    training = trained(settings=Settings(epochs=60, batch_rows=64, patience=60))
    assert training.snapshots is not None
    assert training.trace is not None
    assert isinstance(training.model, Mlp)
    born = Mlp(SMALL)
    born.build(part(two_classes(300), 0, 225), loss=LOSSES["log"], classes=2, seed=0)
    assert training.snapshots.epochs[0] == 0
    assert training.snapshots.epochs[-1] == training.trace.best_epoch + 1
    assert np.array_equal(training.snapshots.weights[0], born.flat())
    assert np.array_equal(training.snapshots.weights[-1], training.model.flat())
    assert len(training.snapshots) <= 32
    assert list(training.snapshots.epochs) == sorted(set(training.snapshots.epochs))


@pytest.mark.parametrize(("loss", "classes"), [("log", 2), ("squared", 0), ("absolute", 0)])
def test_one_seed_gives_one_training(loss: str, classes: int) -> None:
    rows = two_classes() if loss == "log" else a_line()
    first, second = (trained(rows, loss=loss, classes=classes) for _ in range(2))
    other = trained(rows, loss=loss, classes=classes, seed=1)
    assert first.trace == second.trace
    assert np.array_equal(first.model.predict(rows.data), second.model.predict(rows.data))
    assert not np.array_equal(first.model.predict(rows.data), other.model.predict(rows.data))


def test_torchs_own_stream_and_threads_are_left_alone() -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    trained()
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads


def interrupt_after(epochs: int) -> object:
    def stop(epoch: int, *_: float) -> None:
        if epoch == epochs:
            raise KeyboardInterrupt

    return stop


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    whole = trained()
    cut = trained(checkpoint=tmp_path, on_epoch=interrupt_after(3))
    assert cut.stopped == "interrupted"
    assert cut.trace is not None
    assert len(cut.trace.train_loss) == 3
    resumed = trained(checkpoint=tmp_path)
    assert resumed.trace == whole.trace
    assert isinstance(resumed.model, Mlp)
    assert isinstance(whole.model, Mlp)
    assert np.array_equal(resumed.model.flat(), whole.model.flat())
    assert resumed.snapshots is not None
    assert whole.snapshots is not None
    assert np.array_equal(resumed.snapshots.weights, whole.snapshots.weights)


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    first = trained(checkpoint=tmp_path)
    epochs: list[int] = []
    again = trained(checkpoint=tmp_path, on_epoch=lambda epoch, *_: epochs.append(epoch))
    assert epochs == []
    assert again.trace == first.trace


def test_an_interrupt_within_an_epoch_loses_only_that_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    original = Mlp.training_losses

    def interrupted(self: Mlp, inputs: object, target: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 10:
            raise KeyboardInterrupt
        return original(self, inputs, target)  # type: ignore[arg-type]

    monkeypatch.setattr(Mlp, "training_losses", interrupted)
    assert trained(checkpoint=tmp_path).stopped == "interrupted"
    monkeypatch.undo()
    assert trained(checkpoint=tmp_path).trace == trained().trace


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    trained(checkpoint=tmp_path)
    with pytest.raises(RunError, match="other seed"):
        trained(checkpoint=tmp_path, seed=5)
    with pytest.raises(RunError, match="other settings"):
        trained(checkpoint=tmp_path, epochs=4)


def test_a_cut_checkpoint_is_refused_with_its_cure(tmp_path: Path) -> None:
    trained(checkpoint=tmp_path)
    file = tmp_path / "training.npz"
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(RunError, match="remove it"):
        trained(checkpoint=tmp_path)


def test_the_budget_ends_a_training_with_what_it_has() -> None:
    training = trained(n=3000, budget_seconds=0.0)
    assert training.stopped == "budget"
    assert training.trace is not None
    assert len(training.trace.train_loss) == 1


def test_patience_ends_a_training_on_noise_at_its_birth_or_near() -> None:
    rows = two_classes(300)
    noise = Rows(rows.data, np.random.default_rng(0).integers(0, 2, 300))
    training = trained(noise, settings=Settings(epochs=60, batch_rows=32, patience=4, learning_rate=0.02))
    assert training.trace is not None
    assert training.stopped == "patience"
    assert len(training.trace.train_loss) == max(training.trace.best_epoch + 1, 0) + 4


def test_progress_is_told_after_each_epoch() -> None:
    told: list[tuple[int, float, float, float]] = []
    training = trained(on_epoch=lambda *numbers: told.append(numbers))
    assert training.trace is not None
    assert [one[0] for one in told] == list(range(1, 7))
    assert [one[1] for one in told] == list(training.trace.train_loss)
    assert [one[2] for one in told] == list(training.trace.valid_loss)
    assert told[-1][3] == pytest.approx(0.0, abs=1e-9)


def test_without_validation_rows_the_last_epoch_is_kept() -> None:
    rows = two_classes(200)
    training = fit_model(Mlp(SMALL), rows, part(rows, 0, 0), loss=LOSSES["log"], classes=2, seed=0, settings=BRIEF)
    assert training.trace is not None
    assert training.trace.valid_loss == ()
    assert training.trace.best_epoch == 5


def test_a_class_that_training_never_showed_keeps_a_probability() -> None:
    rows = two_classes(200)
    training = fit_model(Mlp(SMALL), part(rows, 0, 150), part(rows, 150, 200), loss=LOSSES["log"], classes=3, seed=0, settings=BRIEF)
    assert (training.model.predict(rows.data)[:, 2] > 0).all()


def test_few_rows_one_row_and_constant_targets_train() -> None:
    for n in (1, 2, 7):
        rows = a_line(n)
        training = fit_model(Mlp(SMALL), rows, rows, loss=LOSSES["squared"], classes=0, seed=0, settings=BRIEF)
        assert np.isfinite(training.model.predict(rows.data)).all()
    flat = Rows(a_line(50).data, np.full(50, 7.0))
    training = fit_model(Mlp(SMALL), flat, flat, loss=LOSSES["squared"], classes=0, seed=0, settings=BRIEF)
    assert np.allclose(training.model.predict(flat.data), 7.0)


def test_classical_models_train_themselves() -> None:
    from assay.model.constant import Constant

    rows = two_classes(100)
    training = fit_model(Constant(), rows, rows, loss=LOSSES["log"], classes=2, seed=0)
    assert training.trace is None
    assert training.snapshots is None
    assert training.stopped == ""
    assert np.allclose(training.model.predict(rows.data), np.bincount(rows.target) / 100)
