"""Assay from Python: train, check, load, compare, samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from assay.core.errors import ColumnError, RunError
from assay.face.checking import check_source
from assay.face.config import read_config
from assay.face.job.knobs import KNOBS, Knobs, refuse_strange
from assay.face.job.settings import Settings
from assay.face.notebook import FindingList
from assay.face.progress import Progress
from assay.face.text_api import TEXT_KNOBS, Place, is_text_run, refuse_text_knobs, train_text

if TYPE_CHECKING:
    from assay.face.loop_run import LoopRun
    from assay.face.run import Run
    from assay.table import Sample

DEMO_SAMPLE = "claims-leak"


READING = ("encoding", "separator", "missing", "types", "image_size")


class Options(Knobs, total=False):
    """How to read the source, where inference is not wanted, the knobs of a network, and those of a language model.

    Attributes:
        tokens: Of a text: "byte", "char", "word" or "bpe".
        vocab: Size of the vocabulary of words or BPE tokens.
        block: Tokens of context that a language model is trained on.
        steps: Training steps at most of a language model.
    """

    encoding: str | None
    separator: str | None
    missing: Sequence[str]
    types: Mapping[str, str] | None
    image_size: str | None
    tokens: str
    vocab: int
    block: int
    steps: int


DEFAULTS = {field.name: field.default for field in fields(Settings)}


def check(
    table: Any,
    target: str | None = None,
    *,
    against: Any = None,
    entity: str | None = None,
    time: str | None = None,
    group: str | None = None,
    **reading: Any,
) -> FindingList:
    """The findings of the audit alone, the dearest first.

    Args:
        table: A pandas, Polars or Arrow table, a dict of arrays, a path, a glob or the name of a bundled sample.
        target: Column to be predicted; rules about leaks need it.
        against: The rows to test on, in the same forms.
        entity: Column of who a row is about.
        time: Column of when a row happened.
        group: Column of rows that belong together.
        reading: encoding, separator, missing, types or image_size, where inference is not wanted.

    Raises:
        InputError: the source cannot be read, or a column is absent.

    Example:
        >>> found = check({"country": ["PT"] * 30, "age": list(range(30))})
        >>> [(f.name, f.at["column"]) for f in found if f.code == "DAT101"]
        [('constant-column', 'country')]
    """
    checked = check_source(table, target=target, against=against, entity=entity, time=time, group=group, reading=reading)
    return FindingList(checked.report.findings)


def train(
    table: Any,
    target: str | None = None,
    *,
    task: str | None = None,
    model: str | None = None,
    loss: str | None = None,
    group: str | None = None,
    time: str | None = None,
    entity: str | None = None,
    weight: str | None = None,
    drop: Sequence[str] = (),
    test: float | str | None = None,
    seed: int = 0,
    budget: float | None = None,
    out: str | Path | None = None,
    quiet: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    on: str | None = None,
    **more: Unpack[Options],
) -> Run:
    """Audit, split, train a ladder of models, watch, evaluate, account, and keep it all as a run.

    Text files (.txt, .md, a folder of them) without a target are read as a text of which to learn the language.
    Started by torchrun, process 0 does the job, all train its networks together, and each gets the run.

    Args:
        table: A pandas, Polars or Arrow table, a dict of arrays, a path, a glob or the name of a bundled sample.
        target: Column to predict; a bundled sample knows its own, of a folder of images it is the sub-folder.
        task: "classification" or "regression"; inferred from the target when None.
        model: Train this family alone; `assay models` lists them.
        loss: log, squared or absolute; of a siamese network contrastive or triplet, by which its encoder learns.
        group: Column whose rows stay on one side of the split.
        time: Column to split by: train on the past, test on the latest rows.
        entity: Column of who a row is about; kept on one side like `group`.
        weight: Column with the weight of a row in the loss.
        drop: Columns to leave out.
        test: Share of rows to hold out (0.2 when None; of a text 0.1), or a file with them.
        seed: Fixes the run.
        budget: Seconds for training.
        out: Run folder; the next free one under runs/ when None.
        quiet: No progress bar.
        resume: Go on with the interrupted run in `out`; settings that are named again must be those that it began with.
        overwrite: Replace an earlier run in `out`.
        progress: Listener, instead of the terminal's progress bar.
        on: "ray" hands the run to the Ray cluster at RAY_ADDRESS, or to one that is begun here for it, and brings its folder back.
        more: encoding, separator, missing, types or image_size, where inference is not wanted; and of the network of `model`: layers,
            width, heads, activation, dropout, pair, lr (a rate or "auto"), optimiser, batch, epochs, schedule, average, precision, clip;
            and of a language model: tokens, vocab, block, steps.

    Raises:
        InputError: the source or an option cannot be used.
        RunError: the folder holds a run already, or cannot be written; or the cluster cannot be reached.
    """
    from assay.face.job.following import follow, leading
    from assay.face.job.settings import IN_MEMORY
    from assay.face.run import Run
    from assay.train.crew import crew_here

    source = str(table) if isinstance(table, str | Path) else IN_MEMORY
    asked: dict[str, Any] = {
        "task": task,
        "model": model,
        "loss": loss,
        "group": group,
        "time": time,
        "entity": entity,
        "weight": weight,
        "drop": tuple(drop),
        "test": DEFAULTS["test"] if test is None else str(test),
        "seed": seed,
        "budget": budget,
    }
    crew = crew_here()
    if crew.rank:
        return Run(follow(crew, table if source == IN_MEMORY else None))
    with _listener(progress, quiet) as listener, leading(crew) as lead:
        place = Place(out, _to_resume(out, source) if resume else None, overwrite=overwrite, on=on)
        place.refuse(source, crew.world)
        lead.folder = done = _trained(table, target, asked, more, test, place, listener)
    return Run(done)


def _trained(
    table: Any, target: str | None, asked: dict[str, Any], more: Options, test: float | str | None, place: Place, progress: Progress
) -> Path:
    from assay.face import job
    from assay.face.job.settings import IN_MEMORY

    source = str(table) if isinstance(table, str | Path) else IN_MEMORY
    if is_text_run(table, target, place.resumed):
        return train_text(source, {**asked, "test": test, **more}, DEFAULTS, place, progress)
    asked = {**asked, **_options(more, source)}
    if place.resumed is not None:
        named = {**({"target": target} if target else {}), **{k: v for k, v in asked.items() if v != DEFAULTS[k]}}
        return job.resume(place.resumed, source=table if source else None, asked=named, config=read_config(), progress=progress)
    settings = Settings(source=source, target=_target(target, source), **asked)
    if place.on == "ray":
        from assay.face.job.cluster import run_on_ray

        return run_on_ray(settings, out=place.out, overwrite=place.overwrite, config=read_config(), progress=progress)
    return job.run(table, settings, out=place.out, overwrite=place.overwrite, config=read_config(), progress=progress)


def _options(given: Options, source: str) -> dict[str, Any]:
    """Settings from the options of reading and of the network.

    Raises:
        OptionError: there is no such option, or it is for texts.
    """
    refuse_text_knobs(source, given)
    refuse_strange(given, (*READING, *KNOBS, *TEXT_KNOBS))
    settings = {name: given.get(name) for name in ("encoding", "separator", "image_size")}
    types, lr = given.get("types"), given.get("lr")
    return {
        **settings,
        **{name: given.get(name, DEFAULTS[name]) for name in KNOBS},
        "missing": tuple(given.get("missing") or ()),
        "types": dict(types) if types else None,
        "lr": None if lr is None else str(lr),
        "pair": tuple(given.get("pair") or ()),
    }


def demo(
    *,
    seed: int = 0,
    budget: float | None = None,
    out: str | Path = "runs/demo",
    quiet: bool = False,
    overwrite: bool = False,
) -> Run:
    """Train on the sample `claims-leak`, medical claims with one planted leak, so that the first thing seen is Assay catching it."""
    return train(DEMO_SAMPLE, seed=seed, budget=budget, out=out, quiet=quiet, overwrite=overwrite)


def load(folder: str | Path) -> Run | LoopRun:
    """A run from its folder: of `assay.train`, or one that `assay.watch` or `assay watch` kept.

    Raises:
        RunError: there is no run in that folder.
    """
    from assay.face.loop_run import LoopRun
    from assay.face.run import Run
    from assay.watch.loop_folder import is_loop

    return LoopRun(folder) if is_loop(folder) else Run(folder)


def compare(first: Run | str | Path, second: Run | str | Path) -> str:
    """Two runs of `assay.train` side by side, as text."""
    from assay.face.run import Run
    from assay.face.terminal import compare_text

    before, after = ((one if isinstance(one, Run) else Run(one)).view for one in (first, second))
    return compare_text(before, after)


def samples() -> list[Sample]:
    """The bundled tables."""
    from assay.table import samples as bundled

    return list(bundled())


def _target(target: str | None, source: str) -> str:
    if target:
        return target
    from assay.table.image_folder import folder_target, is_image_folder

    if is_image_folder(source):
        return folder_target(source)
    known = next((s.target for s in samples() if s.name == source), None)
    if known is None:
        raise ColumnError("no target named; say which column to predict with --target COLUMN")
    return known


def _to_resume(out: str | Path | None, source: str) -> Path:
    """The run to go on with: the one named, else the newest one of this source that is not finished."""
    from assay.face.job.stages import stem_of
    from assay.train.folder import RunFolder

    if out is not None:
        return Path(out)
    stem = stem_of(source)
    waiting = [p.parent for p in Path("runs").glob(f"{stem}*/run.json") if RunFolder(p.parent).record().get("state") != "finished"]
    if not waiting:
        raise RunError(f"no interrupted run of {source} under runs/; name its folder with --out")
    return max(waiting, key=lambda folder: (folder / "run.json").stat().st_mtime)


def _listener(progress: Progress | None, quiet: bool):  # type: ignore[no-untyped-def]
    from contextlib import nullcontext

    from assay.face.progress import Silent
    from assay.face.terminal import live_progress

    if progress is not None:
        return nullcontext(progress)
    return nullcontext(Silent()) if quiet else live_progress()
