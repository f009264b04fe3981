"""The ready-made callbacks see what their framework trains, change none of its numbers, and leave nothing behind."""

from __future__ import annotations

import logging
import os
import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from assay.core.errors import RunError
from assay.core.finding import Finding, Severity
from assay.core.units import BITS_PER_NAT
from assay.face.loop_run import LoopRun
from assay.watch.callback import Session, log_finding

os.environ.setdefault("KERAS_BACKEND", "torch")


@pytest.fixture(autouse=True)
def quiet_frameworks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def classes(rows: int = 64, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 6, generator=generator)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def backward_is_as_it_was() -> bool:
    return torch.autograd.backward.__module__ == "torch.autograd" and not hasattr(torch.autograd.backward, "__wrapped__")


# -- Lightning ---------------------------------------------------------------------------------------------------------------------


def lightning_run(package: str, callbacks: list, *, accumulate: int = 1, fails: bool = False) -> torch.Tensor:
    pl = pytest.importorskip(package)
    torch.manual_seed(0)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, batch_idx):
            if fails and batch_idx == 3:
                raise ValueError("stop here")
            return nn.functional.cross_entropy(self(batch[0]), batch[1])

        def validation_step(self, batch, batch_idx):
            self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    module = Module()
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
        accumulate_grad_batches=accumulate,
    )
    loader = DataLoader(TensorDataset(*classes()), batch_size=8)
    try:
        trainer.fit(module, loader, DataLoader(TensorDataset(*classes(seed=1)), batch_size=32))
    except ValueError:
        assert fails
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()])


@pytest.mark.parametrize("package", ["lightning.pytorch", pytest.param("pytorch_lightning", marks=pytest.mark.slow)])
def test_lightning_is_watched_and_trains_as_without(package, tmp_path):
    pytest.importorskip(package)
    from assay.watch.lightning import AssayCallback

    callback = AssayCallback(folder=tmp_path / "run")
    watched = lightning_run(package, [callback])
    assert torch.equal(watched, lightning_run(package, []))
    seen = LoopRun(tmp_path / "run").evidence
    assert seen.steps == 16
    assert len(seen.valid_loss) == 2
    assert seen.output.loss == "cross-entropy"
    assert seen.batch.target_kind == "classes"
    assert seen.planned_steps == 16
    assert callback.watch.troubles == ()
    assert backward_is_as_it_was()


def test_lightning_steps_are_those_of_the_optimiser():
    pytest.importorskip("lightning.pytorch")
    from assay.watch.lightning import AssayCallback

    callback = AssayCallback()
    lightning_run("lightning.pytorch", [callback], accumulate=4)
    assert callback.watch.steps == 4


def test_what_lightning_was_seen_to_do_before_it_failed_is_kept(tmp_path):
    pytest.importorskip("lightning.pytorch")
    from assay.watch.lightning import AssayCallback

    callback = AssayCallback(folder=tmp_path / "run")
    lightning_run("lightning.pytorch", [callback], fails=True)
    assert LoopRun(tmp_path / "run").evidence.steps == 3
    assert backward_is_as_it_was()


# -- Hugging Face ------------------------------------------------------------------------------------------------------------------


def trainer_run(callbacks: list, folder, *, accumulate: int = 1) -> tuple[torch.Tensor, float]:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    torch.manual_seed(0)
    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=20, max_position_embeddings=8, num_labels=2, **size)
    model = transformers.BertForSequenceClassification(config)
    generator = torch.Generator().manual_seed(0)
    rows = [{"input_ids": ids, "labels": ids[0] % 2} for ids in torch.randint(0, 20, (32, 6), generator=generator)]
    asked = transformers.TrainingArguments(
        output_dir=str(folder / "out"),
        num_train_epochs=2,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=accumulate,
        learning_rate=1e-3,
        eval_strategy="epoch",
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=0,
    )
    trainer = transformers.Trainer(model=model, args=asked, train_dataset=rows, eval_dataset=rows[:8], callbacks=callbacks)
    told = trainer.train()
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()]), told.training_loss


def test_a_trainer_is_watched_and_trains_as_without(tmp_path):
    pytest.importorskip("accelerate")
    from assay.watch.huggingface import AssayTrainerCallback

    callback = AssayTrainerCallback(folder=tmp_path / "run")
    watched, _ = trainer_run([callback], tmp_path)
    assert torch.equal(watched, trainer_run([], tmp_path)[0])
    seen = LoopRun(tmp_path / "run").evidence
    assert seen.steps == seen.planned_steps == 16
    assert len(seen.valid_loss) == len(seen.epoch_step) == 2
    assert seen.early_loss[0] == pytest.approx(1.0, abs=0.3)
    assert backward_is_as_it_was()


def test_a_trainers_pieces_are_one_loss(tmp_path):
    pytest.importorskip("accelerate")
    from assay.watch.huggingface import AssayTrainerCallback

    callback = AssayTrainerCallback()
    _, told = trainer_run([callback], tmp_path, accumulate=4)
    seen = callback.watch.evidence()
    assert seen.steps == 4
    assert sum(seen.early_loss) / 4 == pytest.approx(told * BITS_PER_NAT, rel=1e-5)


# -- Keras -------------------------------------------------------------------------------------------------------------------------


def keras_run(callbacks: list, *, is_built: bool = True):
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip(f"Keras runs on {keras.backend.backend()}, not on torch")
    keras.utils.set_random_seed(0)
    first = [keras.Input((6,))] if is_built else []
    model = keras.Sequential([*first, keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=loss, metrics=["accuracy"])
    x, y = (t.numpy() for t in classes())
    model.fit(x, y, batch_size=8, epochs=2, validation_split=0.25, verbose=0, callbacks=callbacks, shuffle=False)
    return model


def test_keras_is_watched_and_trains_as_without(tmp_path):
    pytest.importorskip("keras")
    from assay.watch.keras import AssayCallback

    callback = AssayCallback(folder=tmp_path / "run")
    watched, bare = keras_run([callback]), keras_run([])
    for a, b in zip(watched.get_weights(), bare.get_weights(), strict=True):
        assert (a == b).all()
    seen = LoopRun(tmp_path / "run").evidence
    assert seen.steps == seen.planned_steps == 12
    assert len(seen.valid_loss) == len(seen.valid_metric) == 2
    assert seen.groups[0].learning_rate[-1] == pytest.approx(1e-2)
    assert all(p.moved for p in seen.parameters if p.in_model)
    assert "apply" not in vars(watched.optimizer)
    assert backward_is_as_it_was()


def test_keras_models_without_an_input_are_watched_from_their_first_batch():
    pytest.importorskip("keras")
    from assay.watch.keras import AssayCallback

    callback = AssayCallback()
    keras_run([callback], is_built=False)
    assert callback.watch.steps == 12


# -- shared ------------------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_watched_is_logged_and_the_training_goes_on(caplog):
    session = Session(0.03, None, None)
    session.begin(nn.ReLU(), [])
    session.step()
    session.end()
    assert session.watch is None
    assert "goes on unwatched" in caplog.text


def test_findings_are_logged_by_their_severity(caplog):
    finding = Finding({"layer": "head"}, "1", "2", remedy="do this", code="TRN101", name="nan-inf", severity=Severity.ERROR)
    log_finding(finding)
    assert caplog.records[0].levelno == logging.WARNING
    assert caplog.messages == ["TRN101 nan-inf: layer 'head': saw 1, expected 2; next: do this"]


def test_a_folder_that_keeps_no_watch_is_refused(tmp_path):
    with pytest.raises(RunError, match="no watched training in"):
        LoopRun(tmp_path)
