"""The ladder of models: each rung trained on the same rows, calibrated on the same rows, kept as soon as it is done."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import ExtraMissing
from assay.core.files import read_json, write_json
from assay.core.seeds import seed_for
from assay.face.job.following import call
from assay.face.job.knobs import loop_of, shape_of
from assay.face.job.preparation import Parts
from assay.face.job.settings import Settings
from assay.face.progress import Progress
from assay.model.cnn import expected_seconds
from assay.model.registry import ladder_names, model_class
from assay.objective.calibration import apply_temperature, fit_temperature
from assay.train.ladder import Training, fit_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Model
    from assay.model.encoding import Encoded

MOST_CNN_SECONDS = 600.0


@dataclass(frozen=True)
class Trained:
    """One rung: a trained model, calibrated.

    Attributes:
        training: What the training left behind.
        temperature: Softens or sharpens the probabilities; 1 where that wins nothing on the validation rows.
    """

    name: str
    training: Training
    temperature: float

    @property
    def model(self) -> Model:
        """The trained model, before its temperature."""
        return self.training.model

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        """Calibrated predictions."""
        return self.calibrated(self.model.predict(data))

    def calibrated(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """The model's predictions at this temperature."""
        return raw if self.temperature == 1.0 else apply_temperature(raw, self.temperature)


def climb(parts: Parts, settings: Settings, keep: Path, progress: Progress) -> Iterator[Trained]:
    """Train the asked rungs, simplest first, and yield each as soon as it is kept under `keep`.

    A rung that an earlier, interrupted run kept is read instead of trained. A rung is left out, with a note, when torch is
    absent or the budget is used up; of what is left of the budget a rung may take an even part, so that the last has one too.
    """
    names = _rungs(parts, settings, progress) if settings.model is None else tuple(dict.fromkeys(("constant", settings.model)))
    started = time.monotonic()
    for place, name in enumerate(names):
        left = None if settings.budget is None else settings.budget - (time.monotonic() - started)
        if left is not None and left <= 0 and name != "constant":
            progress.note(f"{name} was not trained: the budget of {settings.budget:g} s is used up")
            continue
        progress.stage(name)
        kept = restored(parts, keep / name)
        if kept is not None:
            yield kept
            continue
        try:
            share = None if left is None else max(left, 0.0) / (len(names) - place)
            call(settings, name, share)
            trained = train_one(name, parts, settings, keep / name, progress, share)
        except ExtraMissing as problem:
            if settings.model == name:
                raise
            progress.note(f"{name} was not trained: {problem}")
            continue
        store(trained, keep / name)
        shutil.rmtree(keep / name / "checkpoint", ignore_errors=True)
        yield trained


def _rungs(parts: Parts, settings: Settings, progress: Progress) -> tuple[str, ...]:
    """The ladder of these rows; neural rungs are named also where torch is absent, so that the run says what it left out.

    Without a budget a convolutional network that would take very long is left out, with a note.
    """
    has_text, images = "text" in parts.encoder.kinds.values(), parts.encoder.images
    names = ladder_names(torch_available=True, text=has_text, task=parts.loss.task, images=bool(images))
    seconds = sum(expected_seconds(len(parts.fit), *image.grid.shape) for image in images)
    if settings.budget is None and seconds > MOST_CNN_SECONDS:
        progress.note(
            f"cnn was not trained: it would take about {seconds / 60:,.0f} minutes; ask for it with --model cnn, or give a --budget"
        )
        names = tuple(name for name in names if name != "cnn")
    return names


def train_one(
    name: str, parts: Parts, settings: Settings, keep: Path | None, progress: Progress, budget_seconds: float | None = None
) -> Trained:
    """Train one model on the fit rows, stop and calibrate it on the validation rows."""
    valid = parts.rows(parts.valid)
    model, started = _unborn(name, settings), time.monotonic()

    def on_epoch(epoch: int, train_loss: float, valid_loss: float, seconds_left: float) -> None:
        spent = time.monotonic() - started
        progress.update(spent / max(spent + seconds_left, 1e-9), valid_loss, seconds_left, parts.loss.unit)

    training = fit_model(
        model,
        parts.rows(parts.fit),
        valid,
        loss=parts.loss,
        classes=parts.classes,
        seed=seed_for(settings.seed, name),
        budget_seconds=budget_seconds,
        on_epoch=on_epoch,
        checkpoint=None if keep is None else keep / "checkpoint",
        settings=loop_of(name, settings.knobs),
    )
    if training.stopped == "interrupted":
        # the loop keeps what it has learned in its checkpoint; the job must still end here
        raise KeyboardInterrupt
    trained = Trained(name, training, _temperature(training.model, parts))
    valid_loss = parts.loss.mean(valid.target, trained.calibrated(_raw_valid(training.model, parts)), valid.weight)
    progress.update(1.0, valid_loss, None, parts.loss.unit)
    return trained


def _unborn(name: str, settings: Settings) -> Model:
    """A model of this family, shaped as the settings say."""
    kind: Any = model_class(name)
    shape = shape_of(name, settings.knobs)
    model: Model = kind() if shape is None else kind(shape)
    return model


def _temperature(model: Model, parts: Parts) -> float:
    """The temperature that lowers the validation loss by more than its standard error; else 1."""
    if parts.loss.task != "classification" or model.complexity == 0:
        return 1.0
    target = parts.target.values[parts.valid]
    raw = _raw_valid(model, parts)
    temperature = fit_temperature(raw, target, smoothed=True)
    gain = parts.loss.per_row(target, raw) - parts.loss.per_row(target, apply_temperature(raw, temperature))
    se = float(np.std(gain) / np.sqrt(len(gain)))
    return temperature if float(np.mean(gain)) > se > 0 else 1.0


def _raw_valid(model: Model, parts: Parts) -> NDArray[np.float64]:
    """Predictions on the validation rows by a model that has not learned from them."""
    return model.valid_prediction if model.valid_prediction is not None else model.predict(parts.encoded.take(parts.valid))


def store(trained: Trained, folder: Path) -> None:
    """Keep a rung; its record is written last, so that a rung with a record is whole."""
    from assay.artifact.arrays import write_arrays

    data, arrays = trained.model.state()
    write_arrays(folder / "arrays.npz", arrays)
    training = trained.training
    if training.snapshots is not None:
        epochs = np.asarray(training.snapshots.epochs, dtype=np.int64)
        write_arrays(folder / "snapshots.npz", {"epochs": epochs, "weights": training.snapshots.weights})
    if training.trace is not None:
        write_json(folder / "trace.json", training.trace.to_json())
    write_json(
        folder / "model.json",
        {"name": trained.name, "temperature": trained.temperature, "seconds": training.seconds, "state": data},
    )


def restored(parts: Parts, folder: Path) -> Trained | None:
    """The rung kept in a folder, None if there is no whole one."""
    from assay.artifact.arrays import read_arrays
    from assay.core.trace_evidence import TraceEvidence
    from assay.model.snapshots import Snapshots

    if not (folder / "model.json").is_file():
        return None
    record: dict[str, Any] = read_json(folder / "model.json")
    model = model_class(record["name"]).from_state(record["state"], read_arrays(folder / "arrays.npz"))
    trace = TraceEvidence.from_json(read_json(folder / "trace.json")) if (folder / "trace.json").is_file() else None
    snapshots = None
    if (folder / "snapshots.npz").is_file():
        arrays = read_arrays(folder / "snapshots.npz")
        snapshots = Snapshots(tuple(int(e) for e in arrays["epochs"]), arrays["weights"])
    return Trained(record["name"], Training(model, trace, snapshots, record["seconds"]), record["temperature"])
