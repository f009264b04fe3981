"""A language run: read text, cut it, climb the ladder, account for the bits, freeze, report; kept stage by stage."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from assay.artifact.language import Writer, save_language
from assay.core.errors import ExtraMissing, RunError
from assay.core.evidence import Evidence
from assay.core.language_evidence import GeneratedText
from assay.core.seeds import seed_for
from assay.evaluate.language import LanguageCandidate, LanguageEvaluation
from assay.face.config import Config
from assay.face.job.language_parts import LanguageParts, prepare
from assay.face.job.language_rungs import TrainedLanguage, climb
from assay.face.job.language_settings import NEURAL, LanguageSettings
from assay.face.job.stages import Stages, finished, publish, reopened, stem_of, versions
from assay.face.language_view import TEXT_LACKS
from assay.face.progress import Noting, Progress, Silent
from assay.model.language_generate import Sampling, written
from assay.table.corpus import read_corpus
from assay.train.folder import RunFolder, free_name

if TYPE_CHECKING:
    from assay.model.language import TokenModel
    from assay.model.tokenizer import Tokenizer

LEDGER_SHARE = 0.25
"""Of the tokens that a network was trained on, so many are differentiated again for the ledger."""

SAMPLES = (0.5, 0.8, 1.0)
SAMPLE_CHARACTERS = 300
PROMPT_CHARACTERS = 40


@dataclass
class LanguageJob(Stages):
    """One language run.

    Attributes:
        settings: What was asked.
    """

    settings: LanguageSettings = field(kw_only=True)

    absent: ClassVar[Mapping[str, str]] = TEXT_LACKS


def run(
    settings: LanguageSettings,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Path:
    """Do the whole job and keep it as a run folder.

    Args:
        settings: What is asked, of which text.
        out: The run folder; the next free one under runs/ when None.
        overwrite: Replace an earlier run in `out`.
        config: The project's decisions about findings.
        progress: Listener; silent when None.

    Returns:
        The run folder.

    Raises:
        InputError: the text, an option or this installation cannot be used; nothing is left behind.
        RunError: the folder holds a run already, or cannot be written.
        Interrupted: a KeyboardInterrupt that came after the run had begun, and says where it is kept; `resume` goes on with it.
    """
    listener = progress or Silent()
    stem = stem_of(settings.source)
    path = Path(out) if out is not None else free_name(Path("runs"), stem)
    RunFolder.refuse(path, overwrite=overwrite)
    if settings.model in NEURAL and find_spec("torch") is None:
        raise ExtraMissing(f"model {settings.model!r}", "torch")
    listener.stage("read")
    started = time.monotonic()
    parts = _parts(settings)
    if out is None:  # another run may have taken the name while this one read its text
        path = free_name(Path("runs"), stem)
    record: dict[str, Any] = {
        "config": settings.to_json(),
        "command": settings.command(None if out is None else str(out)),
        "fingerprint": parts.corpus.fingerprint,
        "held_out": _fingerprint_of_test(parts),
        "versions": versions(),
        "notes": list(parts.notes),
    }
    folder = RunFolder.create(path, record, overwrite=overwrite)
    job = LanguageJob(folder, config or Config(), listener, settings=settings, seconds={"read": time.monotonic() - started})
    return finished(folder, lambda: _work(job, parts))


def resume(
    path: str | Path, *, asked: Mapping[str, Any] | None = None, config: Config | None = None, progress: Progress | None = None
) -> Path:
    """Go on with an interrupted run from what it kept.

    Args:
        path: The run folder.
        asked: Settings that were named again; they must be those that the run began with.
        config: The project's decisions about findings.
        progress: Listener; silent when None.

    Raises:
        RunError: there is no such run, it began with other settings or text, or another process is at work on it.
    """
    listener = progress or Silent()
    folder, record, settings = reopened(path, LanguageSettings, asked or {})
    if record["state"] == "finished":
        listener.note(f"{path} is finished already; nothing is left to do")
        return folder.path
    listener.stage("read")
    parts = _parts(settings)
    if (parts.corpus.fingerprint, _fingerprint_of_test(parts)) != (record["fingerprint"], record["held_out"]):
        raise RunError(f"{settings.source} has changed since {path} began; train anew with another --out, or bring the old text back")
    folder.claim()
    job = LanguageJob(folder, config or Config(), listener, settings=settings, seconds=dict(record.get("seconds", {})))
    return finished(folder, lambda: _work(job, parts))


def _parts(settings: LanguageSettings) -> LanguageParts:
    return prepare(read_corpus(settings.source, encoding=settings.encoding), settings)


def _fingerprint_of_test(parts: LanguageParts) -> str:
    from assay.table.corpus import Corpus

    return Corpus.of([parts.test.text]).fingerprint


def _work(job: LanguageJob, parts: LanguageParts) -> None:
    from assay.audit.passage import PASSAGE_CHARACTERS, compare_texts

    with job.stage("audit"):
        job.progress.stage("audit")
        split, shown = compare_texts(parts.fit.text + parts.valid.text, parts.test.text, parts.split)
        repeated = split.duplicates.rows if split.duplicates is not None else 0
        corpus = replace(
            parts.evidence(),
            passage_characters=PASSAGE_CHARACTERS,
            passages=split.test_rows,
            repeated_passages=repeated,
            repeated=shown,
        )
        job.keep("10-corpus", [corpus])
        job.keep("20-split", [split])
    with job.stage("train"):
        heard = Noting(job.progress)
        trained = list(climb(parts, job.settings, job.folder.path / "models", heard))
        job.folder.update(untrained=heard.notes)
        traces: list[Evidence] = [one.trace for one in trained if one.trace is not None]
        job.keep("30-trace", traces)
    with job.stage("ledger"):
        chosen = _assess(job, parts, trained)
    with job.stage("artifact"):
        job.progress.stage("artifact")
        record = job.folder.record()
        findings = tuple(f"{f.code} {f.name} at {f.where}" for f in job.judge().findings)
        made = Writer(parts.tokenizer, chosen.model, parts.unit, record["fingerprint"], record["versions"], findings)
        save_language(job.folder.path / "artifact", made)
    with job.stage("report"):
        job.progress.stage("report")
        publish(job.folder)


def _assess(job: LanguageJob, parts: LanguageParts, trained: Sequence[TrainedLanguage]) -> TrainedLanguage:
    """Evaluate all rungs, keep the evidence, and return the recommended one."""
    job.progress.stage("evaluate")
    settings = job.settings
    steps = next((int(one.trace.steps_per_epoch * len(one.trace.train_loss)) for one in trained if one.trace is not None), settings.steps)
    evaluation = LanguageEvaluation(
        [LanguageCandidate(one.model, one.seconds, one.snapshots) for one in trained],
        parts.held,
        parts.learned,
        parts.tokenizer,
        parts.unit,
        most_tokens=int(LEDGER_SHARE * min(settings.steps, max(steps, 1)) * settings.batch * settings.block),
        seed=settings.seed,
    )
    found, told = evaluation.evidence(settings.model)
    chosen = next(one for one in trained if one.name == found.model)
    samples = tuple(_sample(chosen.model, parts, temperature, settings.seed) for temperature in SAMPLES)
    job.keep("40-evaluation", [found, replace(told, generated=samples)])
    return chosen


def _sample(model: TokenModel, parts: LanguageParts, temperature: float, seed: int) -> GeneratedText:
    """What the model adds to the first words of the held-out text."""
    prompt = parts.test.text[:PROMPT_CHARACTERS]
    sampling = Sampling(temperature=temperature, banned=banned_of(parts.tokenizer))
    tokens: list[int] = []
    text = ""
    for one in written(model, parts.tokenizer.encode(prompt), SAMPLE_CHARACTERS, sampling, seed_for(seed, f"sample {temperature}")):
        tokens.append(one.token)
        text = parts.tokenizer.decode(tokens)
        if len(text) >= SAMPLE_CHARACTERS:
            break
    return GeneratedText(prompt, text[:SAMPLE_CHARACTERS], temperature)


def banned_of(tokenizer: Tokenizer) -> tuple[int, ...]:
    """The tokens that are never written: the unknown, which stands for no text."""
    return () if tokenizer.unknown is None else (tokenizer.unknown,)
