"""Embed runs, neighbours and analogies as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.face.terminal.layout import Paper, clean, columns, cut, paper_of_stdout, wrapped
from assay.face.view import percent, quantity

if TYPE_CHECKING:
    from assay.evaluate.word_similarity import WordEvaluation
    from assay.face.embedding_view import EmbeddingView
    from assay.model.vectors import Neighbour

FEW_SHARE = 0.5
TOPIC_WORDS = 8


def embedding_text(view: EmbeddingView, paper: Paper | None = None) -> str:
    """What an embed run has learned: its words, its loss, neighbours or topics, and how far it agrees with people.

    Args:
        view: The run.
        paper: What is written on; standard output when None.
    """
    on = paper or paper_of_stdout()
    lines = [wrapped(sentence, on) for sentence in (_read(view), _made(view), _lost(view)) if sentence]
    lines += [wrapped(f"note: {note}", on, later="  ") for note in view.notes]
    if view.topics:
        lines += ["", on.paint("Topics, with their share of the words", "bold")]
        rows = [[percent(t.share), " ".join(clean(word) for word, _ in t.words[:TOPIC_WORDS])] for t in view.topics]
        lines += [cut_line(line, on) for line in columns(rows, "rl", indent="  ")]
    if view.neighbours:
        lines += ["", on.paint("Nearest by cosine", "bold")]
        rows = [[clean(word), ", ".join(f"{clean(n.word)} {n.score:.2f}" for n in near)] for word, near in view.neighbours]
        lines += [cut_line(line, on) for line in columns(rows, "ll", indent="  ")]
    lines += evaluation_lines(view.evaluation, on)
    where = view.folder or view.name
    lines += ["", f"Ask it: assay similar {where} {clean(_word(view))}"]
    return "\n".join(lines)


def cut_line(line: str, paper: Paper) -> str:
    """The line, no longer than the paper."""
    return line if len(line) <= paper.width else cut(line, paper.width)


def _word(view: EmbeddingView) -> str:
    return view.neighbours[0][0] if view.neighbours else "WORD"


def _read(view: EmbeddingView) -> str:
    named = ", ".join(Path(source).name or source for source in view.sources[:3])
    more = f" and {len(view.sources) - 3} more" if len(view.sources) > 3 else ""
    kind = "passages" if view.method in ("lsa", "lda") else "texts"
    return (
        f"{named}{more}: {view.raw_words:,} words in {view.texts:,} {kind}; {view.vocabulary:,} distinct words have a vector of {view.dim}"
    )


def _made(view: EmbeddingView) -> str:
    if view.words_per_second <= 0:
        return f"{view.method} by {view.engine} in {view.seconds:.1f} s"
    compiled = f", compiled in {view.compile_seconds:.1f} s before" if view.compile_seconds else ""
    passes = f"{view.epochs} pass{'es' if view.epochs != 1 else ''}"
    return f"{view.method} by {view.engine}: {passes} in {view.seconds:.1f} s, {view.words_per_second:,.0f} words/s{compiled}"


def _lost(view: EmbeddingView) -> str:
    if view.explained_share is not None:
        return f"{percent(view.explained_share)} of the variance of the weighted words is kept"
    if not view.losses:
        return ""
    return f"loss {quantity(view.opening)} before, {quantity(view.losses[-1], view.unit)} at the end"


def evaluation_lines(evaluation: WordEvaluation, paper: Paper) -> list[str]:
    """How far cosines agree with people's judgements, and how many analogy questions were answered."""
    lines: list[str] = []
    if evaluation.agreements:
        lines += ["", paper.paint("Agreement with people: rank correlation of cosines with judgements", "bold")]
        lines += columns(
            [
                [
                    one.name,
                    "not measured" if one.correlation is None else f"{one.correlation:.3f}",
                    _covered(one.covered, one.pairs),
                ]
                for one in evaluation.agreements
            ],
            "lrl",
            indent="  ",
        )
    for name, sections in evaluation.analogies.items():
        lines += ["", paper.paint(f"Analogies of {clean(name)}: answered, and answered with the question's words allowed", "bold")]
        rows = [
            [
                one.section,
                percent(one.right_share) if one.covered else "none covered",
                percent(one.right_with_inputs / one.covered) if one.covered else "",
                f"{one.covered:,} of {one.questions:,} questions known",
            ]
            for one in sections
        ]
        lines += columns(rows, "lrrl", indent="  ")
    return lines


def _covered(covered: int, pairs: int) -> str:
    told = f"{covered:,} of {pairs:,} pairs known"
    return f"{told}, too few to compare with other vectors" if covered < FEW_SHARE * pairs else told


def neighbours_text(found: Sequence[Neighbour], heading: str, paper: Paper | None = None, *, is_distance: bool = False) -> str:
    """Words with their scores and a bar each.

    Args:
        found: The nearest first.
        heading: Above them.
        paper: What is written on; standard output when None.
        is_distance: Less is nearer.
    """
    on = paper or paper_of_stdout()
    largest = max((abs(one.score) for one in found), default=0.0)
    rows = [[clean(one.word), f"{one.score:.3f}", on.bar(max(0.0, one.score), largest)] for one in found]
    told = f"{heading} (less is nearer)" if is_distance else heading
    return "\n".join([on.paint(told, "bold"), *columns(rows, "lrl", indent="  ")])
