"""Evidence of a language run: the text that it learned from, and what a language model does on text that it never saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from assay.core.evidence import Evidence


@dataclass(frozen=True, slots=True)
class CorpusPart:
    """One part of a corpus: the text to learn from, to stop by, or held out.

    Attributes:
        tokens: How many there are.
        characters, bytes: Of the same text, bytes as UTF-8.
        unknown: Tokens that stand for what is not in the vocabulary.
    """

    tokens: int
    characters: int
    bytes: int
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class CorpusEvidence(Evidence):
    """Text as a language model reads it.

    Attributes:
        source: Where it came from; fingerprint: content hash of its documents.
        tokeniser: "byte", "char", "word" or "bpe"; noun: what one token is called.
        vocab: Token numbers that there are.
        split: How the parts were cut: "position" (the last part of the text is held out), "documents" (the last whole documents)
            or "given" (a file of its own).
        train, valid, test: The parts; "valid" decides when training ends.
        passage_characters: Length of the passages that were looked up.
        passages: Held-out passages of that length, end to end.
        repeated_passages: Those of them that stand word for word in the training part.
        repeated: The first of them.
    """

    source: str
    fingerprint: str
    documents: int
    tokeniser: str
    noun: str
    vocab: int
    split: str
    train: CorpusPart
    valid: CorpusPart
    test: CorpusPart
    passage_characters: int = 0
    passages: int = 0
    repeated_passages: int = 0
    repeated: tuple[str, ...] = ()

    absent: ClassVar[str] = "no corpus was read"


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """What a model wrote.

    Attributes:
        prompt: The text that it went on from.
        text: What it added.
        temperature: 1 draws from its own probabilities, below is surer.
    """

    prompt: str
    text: str
    temperature: float


@dataclass(frozen=True, slots=True)
class LanguageEvidence(Evidence):
    """A language model on held-out text, in what no loss of a single number shows.

    Attributes:
        model: The recommended (or the only) one.
        block: Tokens of its longest context.
        bits_per_byte: Model -> held-out bits over held-out bytes, comparable across tokenisers; unknown tokens are spelled out at
            8 bits a byte.
        by_context: Model -> (tokens of context known, mean bits a token) on the same held-out tokens, rising in context.
        excerpt: A piece of held-out text, as (text, bits); a text is one token or, where tokens are parts of characters, some.
        excerpt_before: The text in front of it.
        generated: Samples of what the model writes.
        parameters: Of the neural network, 0 if there is none.
    """

    model: str
    block: int
    bits_per_byte: dict[str, float]
    by_context: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    excerpt: tuple[tuple[str, float], ...] = ()
    excerpt_before: str = ""
    generated: tuple[GeneratedText, ...] = ()
    parameters: int = 0

    absent: ClassVar[str] = "no language model was evaluated"
