"""From a corpus to tokens: cut by position, a tokeniser learned from the training part, the parts counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import InputError
from assay.core.language_evidence import CorpusEvidence, CorpusPart
from assay.evaluate.language_text import Stretches, stretches_of
from assay.model.tokenizer import Tokenizer, fit_tokenizer
from assay.table.corpus import SEPARATOR, Corpus, read_corpus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.face.job.language_settings import LanguageSettings

VALID_SHARE = 0.05
FEWEST_DOCUMENTS = 10
FEWEST_BLOCKS = 10
HELD_TOKENS, LEARNED_TOKENS = 1 << 16, 1 << 15
NOTED_UNKNOWN_SHARE = 0.001


@dataclass(frozen=True)
class TextPart:
    """One part of a corpus with its tokens.

    Attributes:
        widths: UTF-8 bytes of each token.
    """

    text: str
    tokens: NDArray[np.int32]
    widths: NDArray[np.int32]

    def counted(self, tokenizer: Tokenizer) -> CorpusPart:
        """How much it is."""
        unknown = 0 if tokenizer.unknown is None else int(np.count_nonzero(self.tokens == tokenizer.unknown))
        return CorpusPart(len(self.tokens), len(self.text), int(self.widths.sum()), unknown)


@dataclass(frozen=True)
class LanguageParts:
    """A corpus cut and turned into tokens, ready to train on.

    Attributes:
        split: "position", "documents" or "given".
        fit: What models learn from; valid: what they stop by; test: what is held out.
        notes: What a person should know, one sentence each.
    """

    corpus: Corpus
    tokenizer: Tokenizer
    split: str
    fit: TextPart
    valid: TextPart
    test: TextPart
    notes: tuple[str, ...]

    @property
    def unit(self) -> str:
        """Of the losses, such as "bits/character"."""
        return f"bits/{self.tokenizer.noun}"

    @property
    def held(self) -> Stretches:
        """The held-out text that models are judged on."""
        return stretches_of(self.test.tokens, self.test.widths, HELD_TOKENS)

    @property
    def learned(self) -> Stretches:
        """Training text that models are judged on beside it."""
        return stretches_of(self.fit.tokens, self.fit.widths, LEARNED_TOKENS)

    def evidence(self) -> CorpusEvidence:
        """The corpus as evidence, before its passages are looked up."""
        fit, valid, test = (part.counted(self.tokenizer) for part in (self.fit, self.valid, self.test))
        return CorpusEvidence(
            source=self.corpus.name,
            fingerprint=self.corpus.fingerprint,
            documents=len(self.corpus.documents),
            tokeniser=self.tokenizer.kind,
            noun=self.tokenizer.noun,
            vocab=self.tokenizer.size,
            split=self.split,
            train=fit,
            valid=valid,
            test=test,
        )


def prepare(corpus: Corpus, settings: LanguageSettings) -> LanguageParts:
    """Cut a corpus by the settings and learn a tokeniser from its training part.

    Raises:
        InputError: a part is too small for the block.
    """
    learn, held_out, split = _cut(corpus, settings)
    place = len(learn) - max(1, round(VALID_SHARE * len(learn)))
    texts = (learn[:place], learn[place:], held_out)
    tokenizer = fit_tokenizer(settings.tokens, [texts[0]], settings.vocab)
    fit, valid, test = (_tokens(text, tokenizer) for text in texts)
    _require_enough((fit, valid, test), tokenizer, settings)
    return LanguageParts(corpus, tokenizer, split, fit, valid, test, (*corpus.notes, *_notes(tokenizer, fit, test)))


def _cut(corpus: Corpus, settings: LanguageSettings) -> tuple[str, str, str]:
    """The text to learn from, the held-out text, and how they were parted."""
    share = settings.test_share
    if share is None:
        return corpus.text, read_corpus(settings.test, encoding=settings.encoding).text, "given"
    documents = corpus.documents
    if len(documents) >= FEWEST_DOCUMENTS:
        behind = np.cumsum([len(text) for text in documents[::-1]]) / corpus.characters
        last = 1 + int(np.abs(behind[:-1] - share).argmin())
        if share / 2 <= behind[last - 1] <= 2 * share:
            return SEPARATOR.join(documents[:-last]), SEPARATOR.join(documents[-last:]), "documents"
    text = corpus.text
    place = int(len(text) * (1.0 - share))
    return text[:place], text[place:], "position"


def _tokens(text: str, tokenizer: Tokenizer) -> TextPart:
    tokens = tokenizer.encode(text)
    return TextPart(text, tokens, tokenizer.widths(text, tokens))


def _require_enough(parts: tuple[TextPart, ...], tokenizer: Tokenizer, settings: LanguageSettings) -> None:
    needed = (FEWEST_BLOCKS * (settings.block + 1), settings.block + 1, settings.block + 1)
    names = ("to learn from", "to stop by", "held out")
    for part, least, name in zip(parts, needed, names, strict=True):
        if len(part.tokens) < least:
            raise InputError(
                f"{settings.source} has {len(part.tokens):,} {tokenizer.noun}s {name}; blocks of {settings.block} need at least {least:,}: "
                "give a longer text or a smaller --block"
            )


def _notes(tokenizer: Tokenizer, fit: TextPart, test: TextPart) -> list[str]:
    counts = [part.counted(tokenizer) for part in (fit, test)]
    return [
        f"{one.unknown:,} of {one.tokens:,} {name} {tokenizer.noun}s ({one.unknown / one.tokens:.1%}) are not in the vocabulary of "
        f"{tokenizer.size:,}; bits/byte spell them out at 8 bits a byte"
        for one, name in zip(counts, ("training", "held-out"), strict=True)
        if one.unknown > NOTED_UNKNOWN_SHARE * one.tokens
    ]
