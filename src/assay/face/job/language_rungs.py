"""The ladder of language models: each rung learns from the same tokens, and is kept as soon as it is done."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.artifact.arrays import read_arrays, write_arrays
from assay.artifact.language import token_model
from assay.core.errors import ExtraMissing
from assay.core.files import read_json, write_json
from assay.core.seeds import seed_for
from assay.core.trace_evidence import TraceEvidence
from assay.face.job.following import call_for_text
from assay.face.job.language_settings import NEURAL, LanguageSettings
from assay.face.progress import Progress
from assay.model.language_ngram import MOST_TOKENS, Bigram, NGram, Unigram, growing
from assay.model.snapshots import Snapshots

if TYPE_CHECKING:
    from assay.face.job.language_parts import LanguageParts
    from assay.model.language import TokenModel

MOST_ORDER = {"byte": 8, "char": 8, "word": 4, "bpe": 4}
WORTH_SHARE = 0.005
EVALUATIONS, STEPS_BETWEEN = 20, 25
EVALUATED_BLOCKS = 96
USUAL = {
    "transformer": {"layers": 4, "width": 128, "heads": 4},
    "lstm": {"layers": 1, "width": 256},
    "gru": {"layers": 1, "width": 256},
    "rnn": {"layers": 1, "width": 256},
}
USUAL_RATE = {"transformer": 1e-3, "lstm": 2e-3, "gru": 2e-3, "rnn": 1e-3}
WARM_STEPS = 100
BIRTH_BLOCKS = 16
AVERAGE_DECAY = 0.999


@dataclass(frozen=True)
class TrainedLanguage:
    """One rung: a trained language model.

    Attributes:
        trace: What the probes saw of a network's training; None for counted models.
        snapshots: A network's weights from birth to those kept.
        notes: What the training has to say, one sentence each.
    """

    model: TokenModel
    seconds: float
    trace: TraceEvidence | None = None
    snapshots: Snapshots | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As on the ladder."""
        return self.model.name


def climb(parts: LanguageParts, settings: LanguageSettings, keep: Path, progress: Progress) -> Iterator[TrainedLanguage]:
    """Train the asked rungs, simplest first, and yield each as soon as it is kept under `keep`.

    A rung that an earlier, interrupted run kept is read instead of trained. Without torch the network is left out, with a note,
    unless it was asked for.
    """
    for name in settings.ladder:
        progress.stage(name)
        kept = restored(keep / name)
        if kept is not None:
            yield kept
            continue
        try:
            if name in NEURAL:
                call_for_text(settings, name)
            trained = train_one(name, parts, settings, keep / name, progress)
        except ExtraMissing as problem:
            if settings.model == name:
                raise
            progress.note(f"{name} was not trained: {problem}")
            continue
        for note in trained.notes:
            progress.note(f"{name}: {note}")
        store(trained, keep / name)
        shutil.rmtree(keep / name / "checkpoint", ignore_errors=True)
        yield trained


def train_one(name: str, parts: LanguageParts, settings: LanguageSettings, keep: Path | None, progress: Progress) -> TrainedLanguage:
    """Train one model on the fit tokens, and stop it by the validation tokens."""
    if name in NEURAL:
        return _network(name, parts, settings, keep, progress)
    started = time.perf_counter()
    tokens, vocab = parts.fit.tokens, parts.tokenizer.size
    model: NGram
    if name == "constant":
        model = Unigram.learned(tokens, vocab, 1)
    elif name == "bigram":
        model = Bigram.learned(tokens, vocab, 2)
    else:
        model = _longest_worth_it(parts)
    read = f"it learned from the last {MOST_TOKENS:,} of {len(tokens):,} {parts.tokenizer.noun}s"
    return TrainedLanguage(model, time.perf_counter() - started, notes=(read,) if len(tokens) > MOST_TOKENS and name == "n-gram" else ())


def _longest_worth_it(parts: LanguageParts) -> NGram:
    """The n-grams of the length beyond which the validation loss falls by less than half a per cent."""
    models = growing(parts.fit.tokens, parts.tokenizer.size, MOST_ORDER[parts.tokenizer.kind], NGram)
    best = next(models)
    loss = float(best.bits(parts.valid.tokens).mean())
    for model in models:
        found = float(model.bits(parts.valid.tokens).mean())
        if found > (1.0 - WORTH_SHARE) * loss:
            break
        best, loss = model, found
    return best


def shape_of(name: str, vocab: int, settings: LanguageSettings) -> dict[str, Any]:
    """The sizes of a network: those asked for, and for the others those that are usual for the family."""
    asked = {size: getattr(settings, size) for size in USUAL[name] if getattr(settings, size) is not None}
    own = {"activation": settings.activation} if settings.activation is not None and name == "transformer" else {}
    return {"vocab": vocab, **USUAL[name], **asked, **own, "block": settings.block, "dropout": settings.dropout}


def _network(name: str, parts: LanguageParts, settings: LanguageSettings, keep: Path | None, progress: Progress) -> TrainedLanguage:
    try:
        import torch

        from assay.model.language_network import LanguageNetwork
        from assay.train import TokenData, fit
    except ModuleNotFoundError as problem:
        raise ExtraMissing(f"model {name!r}", "torch") from problem
    model = LanguageNetwork(name, shape_of(name, parts.tokenizer.size, settings))
    model.be_born(torch.Generator().manual_seed(seed_for(settings.seed, f"{name} weights")))

    shown = parts.fit.tokens[: BIRTH_BLOCKS * settings.block]
    birth = float(model.bits(shown).mean())

    def told(moment: Any) -> None:
        spent = moment.seconds / max(moment.seconds + moment.seconds_left, 1e-9)
        progress.update(spent, moment.valid_loss, moment.seconds_left, parts.unit)

    run = fit(
        model.network,
        "next-token",
        TokenData(torch.from_numpy(parts.fit.tokens.astype(np.int64)), settings.block),
        valid=TokenData(torch.from_numpy(parts.valid.tokens.astype(np.int64)), settings.block),
        settings=loop_settings(name, settings, len(parts.fit.tokens)),
        seed=seed_for(settings.seed, name),
        out=None if keep is None else keep / "checkpoint",
        resume=keep is not None and (keep / "checkpoint").is_dir(),
        callbacks=(told,),
        budget_seconds=settings.budget,
        groups=model.groups(),
        name=name,
    )
    if run.stopped == "interrupted":
        # the loop keeps what it has learned in its checkpoint; the job must still end here
        raise KeyboardInterrupt
    ended = "" if run.stopped == "steps" else f", ended by {run.stopped}"
    model.kept = f"{max(run.history.at_step, default=0):,} steps of {settings.batch} blocks{ended}"
    trace = None if run.trace is None else replace(run.trace, unit=parts.unit, birth=birth)
    return TrainedLanguage(model, run.seconds, trace, run.snapshots, tuple(run.notes))


def loop_settings(name: str, settings: LanguageSettings, n_tokens: int) -> Any:
    """How the loop trains a network: AdamW with warm-up, then a cosine to a tenth of the rate, but for what was asked for.

    Source: nanoGPT's small configuration.
    """
    from assay.train import Settings

    rate: Any = settings.lr if settings.lr in (None, "auto") else float(str(settings.lr))
    steps = settings.steps if settings.epochs is None else max(1, settings.epochs * n_tokens // (settings.block * settings.batch))
    asked: dict[str, Any] = {"optimiser": settings.optimiser, "schedule": settings.schedule, "precision": settings.precision}
    own = settings.optimiser in (None, "adamw")  # other optimisers have rates, decays and averages that are usual for them
    return Settings(
        learning_rate=USUAL_RATE[name] if rate is None and own else rate,
        weight_decay=0.1 if own else None,
        betas=(0.9, 0.99) if own else None,
        batch_rows=settings.batch,
        max_steps=steps,
        evaluate_every=min(steps, max(STEPS_BETWEEN, steps // EVALUATIONS)),
        evaluated_rows=EVALUATED_BLOCKS,
        warm_share=min(0.5, WARM_STEPS / steps),
        floor_share=0.1,
        clip_norm=1.0 if settings.clip is None else settings.clip,
        average=AVERAGE_DECAY if settings.average else None,
        **{knob: value for knob, value in asked.items() if value is not None},
    )


def store(trained: TrainedLanguage, folder: Path) -> None:
    """Keep a rung; its record is written last, so that a rung with a record is whole."""
    data, arrays = trained.model.state()
    write_arrays(folder / "arrays.npz", arrays)
    if trained.snapshots is not None:
        epochs = np.asarray(trained.snapshots.epochs, dtype=np.int64)
        write_arrays(folder / "snapshots.npz", {"epochs": epochs, "weights": trained.snapshots.weights})
    if trained.trace is not None:
        write_json(folder / "trace.json", trained.trace.to_json())
    told = {"name": trained.name, "seconds": trained.seconds, "notes": list(trained.notes), "state": data}
    write_json(folder / "model.json", told)


def restored(folder: Path) -> TrainedLanguage | None:
    """The rung kept in a folder, None if there is no whole one."""
    if not (folder / "model.json").is_file():
        return None
    record: dict[str, Any] = read_json(folder / "model.json")
    model = token_model(record["name"], record["state"], read_arrays(folder / "arrays.npz"))
    trace = TraceEvidence.from_json(read_json(folder / "trace.json")) if (folder / "trace.json").is_file() else None
    snapshots = None
    if (folder / "snapshots.npz").is_file():
        arrays = read_arrays(folder / "snapshots.npz")
        snapshots = Snapshots(tuple(int(e) for e in arrays["epochs"]), arrays["weights"])
    return TrainedLanguage(model, record["seconds"], trace, snapshots, tuple(record["notes"]))
