"""What a language run has to say: its verdict in three sentences, and the stand-in by which faces made for tables show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assay.core.finding import Severity
from assay.core.table_evidence import TableEvidence, TargetEvidence
from assay.face.view import NOISE_SE, RunView, noun_of, percent, price_text, quantity

if TYPE_CHECKING:
    from assay.core.eval_evidence import EvalEvidence, Rung
    from assay.core.language_evidence import CorpusEvidence
    from assay.core.ledger import Ledger
    from assay.core.trace_evidence import TraceEvidence

KIND = "language"
"""What the record of a language run says it is."""

TEXT_LACKS = {
    "TableEvidence": "a text has no columns",
    "AssociationEvidence": "a text has no columns",
    "TraceEvidence": "no neural training was watched",
}
"""Type of evidence -> why a language run lacks it."""

COUNTED = ("bigram", "n-gram")
ENDS = {
    "steps": "its steps were done",
    "epochs": "its epochs were done",
    "patience": "its validation loss no longer fell",
    "budget": "its time was used up",
    "nonfinite": "a loss or gradient was no longer finite",
    "interrupted": "it was interrupted",
}
"""Why a training ended, in words."""


def text_as_table(corpus: CorpusEvidence) -> TableEvidence:
    """A table without columns whose rows are the text's tokens and whose target is the next one."""
    tokens = corpus.train.tokens + corpus.valid.tokens + corpus.test.tokens
    target = TargetEvidence(f"the next {corpus.noun}", "language", tokens, unit=f"bits/{corpus.noun}")
    return TableEvidence(rows=tokens, columns=(), source=corpus.source, fingerprint=corpus.fingerprint, target=target)


def is_language(record: Mapping[str, Any]) -> bool:
    """Whether a run's record is that of a language run."""
    config = record.get("config")
    return isinstance(config, dict) and config.get("kind") == KIND


def language_verdict(view: RunView) -> tuple[str, str, str]:
    """What was learned, how far it can be trusted and what a cheaper model does, what to do next."""
    found, ledger = view.evaluation, view.ledger
    if found is None or ledger is None:
        nothing = f"No model has been evaluated yet, so nothing is known about how well {view.target} can be predicted."
        return nothing, _trust(view), "Next: let the run go on to training and evaluation."
    return _learned(view, found, ledger), f"{_trust(view)} {_peer(view, found, ledger)}".strip(), _next(view, found, ledger)


def _learned(view: RunView, found: EvalEvidence, ledger: Ledger) -> str:
    noun = noun_of(ledger.unit)
    rung = found.rung(found.model)
    se = rung.reduction_se if rung is not None else ledger.closing_se
    seen = f"on {ledger.rows:,} {noun}s it had never seen"
    if ledger.reduction <= NOISE_SE * se:
        return (
            f"The {found.model} model has learned nothing reliable: {seen} it does no better, beyond noise, than the share of each {noun}."
        )
    share, give = percent(ledger.reduction / ledger.opening), se / ledger.opening
    told = f"{share} (± {percent(give)})"
    bytes_told = ""
    if view.language is not None and noun != "byte":
        bytes_told = f" ({quantity(view.language.bits_per_byte[found.model])} bits a byte)"
    return (
        f"The {found.model} model removes {told} of the uncertainty about {view.target}: {seen},"
        f" {quantity(ledger.reduction)} of {quantity(ledger.opening)} bits a {noun} go and {quantity(ledger.closing)} stay{bytes_told}."
    )


def _trust(view: RunView) -> str:
    corpus = view.corpus
    if corpus is None or not corpus.passages:
        return "Whether the held-out text repeats the training text was not checked."
    what = f"passages of {corpus.passage_characters} characters"
    if not corpus.repeated_passages:
        return f"None of the {corpus.passages:,} held-out {what} stands in the training text."
    share = percent(corpus.repeated_passages / corpus.passages)
    named = any(f.code == "SPL103" for f in view.report.findings)
    doubt = ", so that figure is too good" if named else ""
    return f"{corpus.repeated_passages:,} of the {corpus.passages:,} held-out {what} ({share}) stand in the training text{doubt}."


def _peer(view: RunView, found: EvalEvidence, ledger: Ledger) -> str:
    """How the model compares with counting, and what it has by heart."""
    parts = []
    others = [r for r in found.ladder if r.name not in ("constant", found.model)]
    if others and found.model != "constant":
        best = min(others, key=lambda r: r.held_out_loss)
        behind = ledger.closing - best.held_out_loss
        counts = ", which only counts," if best.name in COUNTED else ""
        parts.append(
            f"The {best.name} model{counts} does {quantity(abs(behind), ledger.unit)} {'better' if behind > 0 else 'worse'}"
            f" after {best.seconds:.1f} s of training; {found.model} takes {_seconds(found.rung(found.model))}."
        )
    gap = next((a for a in ledger.adjustments if a.kind == "memorised"), None)
    if gap is not None and gap.amount > NOISE_SE * (gap.se or 0.0):
        parts.append(f"On its training text it does {quantity(gap.amount, ledger.unit)} better, which is memory and not knowledge.")
    return " ".join(parts)


def _seconds(rung: Rung | None) -> str:
    return "an unknown time" if rung is None else f"{rung.seconds:.1f} s"


def _next(view: RunView, found: EvalEvidence, ledger: Ledger) -> str:
    idle = [f for f in view.report.findings if f.code.startswith("TRN") and f.at.get("model") != found.model]
    serious = [f for f in view.report.findings if f.severity is not Severity.NOTE and f not in idle]
    if serious:
        first = serious[0]
        told = f" ({price_text(first)})" if first.price else ""
        return f"Next, the dearest finding, {first.name} at {first.where}{told}: {first.remedy or f'see assay explain {first.code}'}."
    trace = view.traces[0] if view.traces else None
    if trace is not None and still_learns(trace):
        steps = int(trace.steps_per_epoch * len(trace.train_loss)) if trace.steps_per_epoch else 0
        more = f"train longer, such as --steps {2 * steps}" if steps and trace.stopped == "steps" else "give it a larger --budget"
        return f"Next: the {trace.model} was still learning when {ENDS.get(trace.stopped, 'it ended')}; {more}."
    best = min(found.ladder, key=lambda r: r.held_out_loss)
    if best.name != found.model and best.held_out_loss < ledger.closing - NOISE_SE * ledger.closing_se:
        return f"Next: use the {best.name} model, which is better, or a larger network or more text for {found.model}."
    return f"Next: assay generate {view.folder or 'RUN'} shows what it writes; more text of the same kind lowers the loss most surely."


def still_learns(trace: TraceEvidence) -> bool:
    """Whether the lowest validation loss is the last one, and patience did not end the training."""
    return trace.stopped != "patience" and len(trace.valid_loss) > 1 and trace.best_epoch == len(trace.valid_loss) - 1
