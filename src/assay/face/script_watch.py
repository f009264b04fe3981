"""A stranger's script under the watch: run, told of what is found while it runs, kept as a run folder, and changes proposed."""

from __future__ import annotations

import math
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import ExtraMissing, RunError, SourceError
from assay.face.script import Ending, run_script
from assay.face.terminal.findings import finding_text
from assay.face.terminal.layout import Paper, clean, paper_of, wrapped
from assay.face.view import quantity

if TYPE_CHECKING:
    from assay.core.finding import Finding
    from assay.core.loop_evidence import LoopEvidence
    from assay.core.report import Report
    from assay.face.fix import Proposal
    from assay.face.terminal.loop_view import LiveView
    from assay.watch.unattended import Training, Unattended

DIFF = "fix.diff"
SHORT_SECONDS = 5.0
"""Of a shorter training the share says little: the watch is given as much as if it lasted so long."""


@dataclass(frozen=True)
class Asked:
    """What was asked of `assay watch`.

    Attributes:
        file: The script.
        arguments: Its own.
        out: Where to keep the run; the next free folder under runs/ when None.
        overwrite: Replace what an earlier watch kept there.
        live: Draw the training while it runs.
        quiet: Say nothing before the summary.
        fix: Propose changes.
    """

    file: Path
    arguments: Sequence[str] = ()
    out: Path | None = None
    overwrite: bool = False
    overhead: float = 0.03
    live: bool = False
    quiet: bool = False
    fix: bool = False


@dataclass(frozen=True)
class Seen:
    """What came of it.

    Attributes:
        ending: How the script ended.
        reports: Of each model, the largest first.
        folder: Where the run is kept; None where no training was seen.
    """

    ending: Ending
    reports: tuple[Report, ...]
    folder: Path | None


class Teller:
    """Says on standard error what is found; the script's standard output stays its own."""

    def __init__(self, view: LiveView | None, *, quiet: bool) -> None:
        self.view, self.quiet = view, quiet
        self.paper: Paper = paper_of(sys.stderr)
        self.told: set[tuple[str, str]] = set()

    def say(self, text: str) -> None:
        """Print lines."""
        if self.view is not None:
            self.view.say(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def finding(self, model: str, finding: Finding) -> None:
        """A finding, once for each model and rule."""
        if not self.quiet and (model, finding.name) not in self.told:
            self.told.add((model, finding.name))
            self.say(finding_text(finding, self.paper))

    def trouble(self, problem: Exception) -> None:
        """What went wrong in the watching."""
        told = f"assay: watching ended early, the script goes on: {type(problem).__name__}: {problem}"
        self.say(wrapped(told, self.paper, later="  "))

    def step(self, training: Training) -> None:
        """A step was watched."""
        if self.view is not None:
            self.view.show(training.watch)


def watch_script(asked: Asked) -> Seen:
    """Run a script and watch whatever it trains.

    Raises:
        SourceError: there is no such script.
        RunError: the folder is taken.
        ExtraMissing: torch is not installed.
    """
    if not asked.file.is_file():
        raise SourceError(f"no file {str(asked.file)!r}; give the path of a Python script, its own arguments after it")
    folder = _folder(asked)
    try:
        from assay.watch.unattended import Unattended
    except ModuleNotFoundError as problem:
        raise ExtraMissing("watching a script", "torch") from problem
    from assay.face.terminal.loop_view import live_view

    with live_view() if asked.live else nullcontext() as view:
        teller = Teller(view, quiet=asked.quiet)
        watcher = Unattended(_starter(asked), on_finding=teller.finding, on_step=teller.step, on_trouble=teller.trouble)
        started = time.perf_counter()
        with watcher.laid():
            ending = run_script(asked.file, asked.arguments)
        seconds = time.perf_counter() - started
        trainings = watcher.finish()
    teller.view = None
    if not trainings:
        teller.say(wrapped(_nothing(watcher), teller.paper, later="  "))
        return Seen(ending, (), None)
    kept = _keep(folder, trainings, asked, ending, seconds)
    _tell(kept, teller, folder)
    if asked.fix:
        _propose(kept, watcher, asked, teller, folder)
    return Seen(ending, tuple(report for _, _, report in kept), folder)


def _starter(asked: Asked) -> Any:
    from assay.watch import attach

    def start(model: Any, optimisers: Any, name: str) -> attach.Watch:
        made = attach.watch(model, optimisers, overhead=asked.overhead, name=name)
        attach._watched.discard(model)  # the script may watch it too
        return made

    return start


def _folder(asked: Asked) -> Path:
    from assay.train.folder import free_name
    from assay.watch.loop_folder import is_loop

    if asked.out is None:
        return free_name(Path("runs"), f"watch-{asked.file.stem}")
    if asked.out.exists() and not asked.out.is_dir():
        raise RunError(f"{asked.out} is a file, a run needs a folder; choose another --out")
    if asked.out.is_dir() and any(asked.out.iterdir()):
        if not is_loop(asked.out):
            raise RunError(f"{asked.out} exists and holds no watched training; choose another --out")
        if not asked.overwrite:
            raise RunError(f"{asked.out} holds a watched training; replace it by --overwrite, or choose another --out")
    return asked.out


def _nothing(watcher: Unattended) -> str:
    if watcher.orphans:
        return "assay: no training was watched: the optimisers' parameters are in no torch.nn.Module"
    if watcher.trainings:
        return "assay: no training was watched: no optimiser stepped after a loss was carried back"
    return "assay: no training was watched: the script made no torch.optim optimiser in this process"


def _keep(
    folder: Path, trainings: list[Training], asked: Asked, ending: Ending, seconds: float
) -> list[tuple[Training, LoopEvidence, Report]]:
    """Write the run: the largest model in the folder itself, others in folders below."""
    from assay.watch.loop_folder import clear_loops, write_loop

    kept = [(t, t.watch.evidence(), t.watch.report()) for t in trainings]
    words = ["assay", "watch", *(["--fix"] if asked.fix else []), str(asked.file), *asked.arguments]
    clear_loops(folder)
    for i, (training, evidence, report) in enumerate(kept):
        write_loop(
            folder if i == 0 else folder / f"{i + 1}-{training.name}",
            evidence,
            report,
            name=training.name,
            command=shlex.join(words),
            state=ending.state,
            status=ending.status,
            seconds={"script": seconds},
            first_named=training.watch.first_named,
        )
    return kept


def _tell(kept: list[tuple[Training, LoopEvidence, Report]], teller: Teller, folder: Path) -> None:
    """The summary: what was watched, each finding by name, where it is kept."""
    paper = teller.paper
    for training, evidence, report in kept:
        for finding in report.findings:
            teller.finding(training.name, finding)
        teller.say("")
        teller.say(wrapped(_headline(training, evidence), paper, later="  "))
        for finding in report.findings:
            level = finding.severity.value
            if getattr(finding, "caused_by", ""):
                teller.say(f"    follows: {finding.name}, {clean(finding.where)}")
                continue
            since = training.watch.first_named.get(finding.name)
            named = f", named at step {since:,}" if since is not None else ""
            teller.say(f"  {paper.paint(level, level)} {finding.name}, {clean(finding.where)}{named}")
        teller.say(wrapped(report.closing_line(), paper, later="  "))
        for trouble in training.watch.troubles:
            teller.say(wrapped(f"assay: a fault of the watch itself, the training went on: {trouble}", paper, later="  "))
    teller.say(f"kept in {folder}; judge it again with: assay judge {shlex.quote(str(folder))}")


def _headline(training: Training, evidence: LoopEvidence) -> str:
    from assay.watch.glance import spent_seconds

    finite = [v for v in evidence.recent_loss if math.isfinite(v)]
    unit = "" if evidence.unit == "loss" else evidence.unit
    loss = f", last loss {quantity(finite[-1], unit)}" if finite else ""
    epochs = len(evidence.epoch_step)
    told = f", {epochs:,} epoch{'s' if epochs > 1 else ''}" if epochs else ""
    seconds, share = spent_seconds(training.watch), training.watch.overhead
    cost = f"{seconds:.1f} s" + (f", {100 * share:.1f} % of the training's own time" if seconds > SHORT_SECONDS * share else "")
    steps = f"{evidence.steps:,} step{'s' if evidence.steps != 1 else ''}"
    return f"assay watched {training.name}: {steps}{told}{loss}; watching took {cost}"


def _propose(kept: list[tuple[Training, LoopEvidence, Report]], watcher: Unattended, asked: Asked, teller: Teller, folder: Path) -> None:
    """Print what the script's text would become, each finding by itself; nothing is changed."""
    from assay.core.files import write_text
    from assay.face.fix import Scene, propose

    sites = {what: [(site.file, site.line) for site in found] for what, found in watcher.places.sites.items()}
    text = asked.file.read_text(encoding="utf-8")
    made: list[Proposal] = []
    for _, evidence, report in kept:
        scene = Scene(str(asked.file), sites, watcher.places.names, evidence.output.shape)
        made += propose(text, scene, report.findings)
    for proposal in made:
        head = f"{proposal.finding.name}, {clean(proposal.finding.where)}"
        if proposal.diff:
            teller.say(f"\nproposed for {head}:\n{proposal.diff.rstrip()}")
        else:
            teller.say(wrapped(f"for {head}, by hand: {proposal.finding.remedy}", teller.paper, later="  "))
    first = next((p.diff for p in made if p.diff), "")
    if first:
        write_text(folder / DIFF, first)
        teller.say(f"\nnothing was changed; try the first proposal with: patch -p0 < {shlex.quote(str(folder / DIFF))}")
