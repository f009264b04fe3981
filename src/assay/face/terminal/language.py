"""What a language run shows in a terminal beside its ledger: bits a byte, repeated passages, a sample of what it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.face.terminal.layout import Paper, columns, wrapped
from assay.face.view import quantity

if TYPE_CHECKING:
    from assay.core.language_evidence import CorpusEvidence, LanguageEvidence
    from assay.face.view import RunView


def language_text(language: LanguageEvidence, corpus: CorpusEvidence, paper: Paper) -> str:
    """Bits a byte of each model, which compare across tokenisers; and what the recommended one writes."""
    lines = [paper.paint("Bits a byte of held-out text, comparable across tokenisers", "bold")]
    lines += columns([[name, quantity(bits)] for name, bits in language.bits_per_byte.items()], "lr", indent="  ")
    if corpus.passages:
        told = (
            f"{corpus.repeated_passages:,} of {corpus.passages:,} held-out passages of {corpus.passage_characters} characters stand in "
            "the training text"
        )
        lines.append(wrapped(told, paper, first="  ", later="  "))
    if language.generated:
        one = min(language.generated, key=lambda g: abs(g.temperature - 0.8))
        lines += ["", paper.paint(f"{language.model} writes, at temperature {one.temperature:g}", "bold")]
        lines += [wrapped(line, paper, first="  ", later="  ") for line in (one.prompt + one.text).splitlines() if line.strip()]
    return "\n".join(lines)


def bytes_row(first: RunView, second: RunView) -> list[list[str]]:
    """The line of bits a byte for two language runs side by side; none where either is of a table."""
    if first.language is None or second.language is None:
        return []
    one, two = (told.bits_per_byte[told.model] for told in (first.language, second.language))
    return [["bits/byte", quantity(one), quantity(two), quantity(two - one, signed=True)]]
