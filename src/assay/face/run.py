"""A run as a person holds it: its ledger, findings, predictions and report, each showing itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import RunError
from assay.core.eval_evidence import EvalEvidence
from assay.core.language_evidence import CorpusEvidence, LanguageEvidence
from assay.core.report import Report
from assay.core.split_evidence import SplitEvidence
from assay.core.table_evidence import AssociationEvidence, TableEvidence
from assay.core.trace_evidence import TraceEvidence
from assay.face.language_view import TEXT_LACKS, is_language, text_as_table
from assay.face.notebook import FindingList, LedgerView, run_html
from assay.face.view import RunView
from assay.train.folder import RunFolder

if TYPE_CHECKING:
    import polars as pl

    from assay.artifact import Predictor
    from assay.face.config import Config


@dataclass(frozen=True, slots=True)
class ReportPage:
    """The HTML report of a run.

    Attributes:
        path: The file.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def __fspath__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        from html import escape

        page = escape(self.path.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:80vh;border:0" title="Assay report"></iframe>'


class Run:
    """One run folder, finished or interrupted.

    Args:
        folder: Its path.

    Raises:
        RunError: there is no run in that folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = RunFolder.open(Path(folder))

    @property
    def folder(self) -> Path:
        """Where the run lies."""
        return self._folder.path

    @property
    def state(self) -> str:
        """How far it came: running, interrupted or finished."""
        return str(self._folder.record()["state"])

    @cached_property
    def view(self) -> RunView:
        """All that the run has to show, as one value."""
        return view_of(self._folder)

    @property
    def findings(self) -> FindingList:
        """The findings, the dearest first."""
        return FindingList(self.view.report.findings)

    @property
    def evaluation(self) -> EvalEvidence:
        """Ladder, metrics, calibration and slices.

        Raises:
            RunError: the run ended before it was evaluated.
        """
        found = self.view.evaluation
        if found is None:
            raise RunError(f"{self.folder} was not evaluated, its state is {self.state!r}; go on with --resume")
        return found

    @property
    def ledger(self) -> LedgerView:
        """The books of the recommended model.

        Raises:
            RunError: the run ended before its books were closed.
        """
        ledger = self.evaluation.ledger
        if ledger is None:
            raise RunError(f"{self.folder} has no ledger, its state is {self.state!r}; go on with --resume")
        return LedgerView.of(ledger)

    @property
    def report_path(self) -> Path:
        """Path of the HTML report; it is written first where the run was interrupted before."""
        path = self.folder / "report.html"
        if not path.is_file():
            from assay.face.job.stages import publish

            publish(self._folder)
        return path

    @property
    def report(self) -> ReportPage:
        """The HTML report, which shows itself in a notebook."""
        return ReportPage(self.report_path)

    @cached_property
    def predictor(self) -> Predictor:
        """The recommended model, loaded without running code.

        Raises:
            RunError: the run ended before its model was kept, or a file was changed.
        """
        from assay.artifact import load

        if is_language(self._folder.record()):
            raise RunError(f"{self.folder} is a run on a text, which predicts no rows; let it write: assay generate {self.folder} PROMPT")
        if not (self.folder / "artifact").is_dir():
            raise RunError(f"{self.folder} has no model to predict with, its state is {self.state!r}; go on with --resume")
        return load(self.folder / "artifact")

    def predict(self, source: Any, **reading: Any) -> pl.DataFrame:
        """One row for each row of a source: `prediction`, and for classes one calibrated probability `p_<class>` each.

        Of a folder of images the name of each file stands before them.

        Args:
            source: What `assay.train` takes; the target column may be absent.
            reading: encoding, separator, missing, types or image_size, where inference is not wanted. Markers of missing values,
                types and the size of images are those of the training unless given.

        Raises:
            InputError: the source cannot be read, or a column that the model reads is absent or of another kind.
        """
        from assay.table import read

        predictor = self.predictor
        asked = self._folder.record()["config"]
        types = {column: kind for column, kind in (asked.get("types") or {}).items() if column in predictor.schema and kind != "date"}
        # dates stay as written, so that the encoder reads them in the order of day and month of the training rows
        like = {column: "category" if kind == "date" else kind for column, kind in predictor.schema.items()}
        options = {"missing": asked.get("missing") or None, "types": types or None, "image_size": asked.get("image_size")}
        grids = {image.name: image.grid for image in predictor.encoder.images}
        table = read(source, like=like, grids=grids, part="test", **{**options, **reading})
        made = predictor.predict_frame(table)
        return table.frame.select(table.roles.ids).hstack(made) if table.roles.ids else made

    def generate(self, prompt: str, n_tokens: int = 200, *, seed: int = 0, beams: int | None = None, **sampling: Any) -> str:
        """What the recommended language model adds to a text.

        Args:
            prompt: The text to go on from.
            n_tokens: How many tokens to write.
            seed: Of the draws.
            beams: Look for the likeliest text with so many beams instead of drawing.
            sampling: temperature (1 when not given), top_k or top_p, as in `assay.model.language_generate.Sampling`.

        Raises:
            RunError: the run is on a table, or has no model yet.
            OptionError: the prompt or an option cannot be used.
        """
        from assay.face.generation import open_writer, text_pieces
        from assay.model.language_generate import Sampling

        writer = open_writer(self.folder)
        unknown = writer.tokenizer.unknown
        how = Sampling(banned=() if unknown is None else (unknown,), **sampling)
        return "".join(piece.text for piece in text_pieces(writer, prompt, n_tokens, how, beams=beams, seed=seed))

    def judge(self, config: Config | None = None) -> Report:
        """Run the rules again over the stored evidence."""
        from assay.face.checking import judged
        from assay.face.config import Config as Settled
        from assay.rules import catalogue

        settled = config or Settled()
        chosen, skipped = settled.choose(catalogue().values())
        absent = TEXT_LACKS if is_language(self._folder.record()) else None
        report, _ = judged(self._folder.evidence(), chosen, skipped, settled, absent)
        return report

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.state}, recommends {self.view.model or 'nothing yet'})"

    def _repr_html_(self) -> str:
        return run_html(self.view)


def view_of(folder: RunFolder) -> RunView:
    """All that a run folder has to show.

    Raises:
        RunError: it holds no evidence yet.
    """
    record, pieces = folder.record(), folder.evidence()
    corpus = folder.first(CorpusEvidence, pieces)
    table = folder.first(TableEvidence, pieces) if corpus is None else text_as_table(corpus)
    if table is None:
        raise RunError(f"{folder.path} ended before its table was measured; go on with --resume")
    evaluation = folder.first(EvalEvidence, pieces)
    return RunView(
        name=folder.path.resolve().name,
        table=table,
        report=folder.read_report(),
        folder=str(folder.path),
        command=record.get("command", ""),
        config=record.get("config", {}),
        versions=record.get("versions", {}),
        fingerprint=record.get("fingerprint", ""),
        seconds=record.get("seconds", {}),
        association=folder.first(AssociationEvidence, pieces),
        split=folder.first(SplitEvidence, pieces),
        traces=tuple(p for p in pieces if isinstance(p, TraceEvidence)),
        evaluation=evaluation,
        recommended=evaluation.model if evaluation else "",
        notes=tuple(record.get("notes", ())),
        untrained=tuple(record.get("untrained", ())),
        corpus=corpus,
        language=folder.first(LanguageEvidence, pieces),
    )
