"""What a person asks of an embed run, as it is recorded in the run and typed again to reproduce it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.core.errors import OptionError, nearest
from assay.core.evidence import plain
from assay.model.word2vec import METHODS as PREDICTING
from assay.model.word2vec import Word2VecSettings

KIND = "embedding"
METHODS = (*PREDICTING, "lsa", "lda")
ENOUGH_WORDS = 10_000_000
"""Words that the passes should come to where their number is not given; a text of 2 million or more is read five times."""

FEWEST_EPOCHS, MOST_EPOCHS = 5, 50
LDA_EPOCHS, LDA_TOPICS, USUAL_DIM = 10, 20, 100
ONLY_WORD2VEC = ("window", "negative", "hierarchical", "subsample", "lr", "workers", "engine")


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """The configuration of one embed run.

    Attributes:
        sources: Text files, globs, folders, or tables with a text column.
        column: The text column; None for the only one.
        method: "skip-gram", "cbow", "lsa" or "lda".
        dim: Numbers a vector, or topics; None for 100, and 20 topics.
        window, negative, subsample, lr, workers, engine: Of word2vec, see `Word2VecSettings`.
        hierarchical: Ask a Huffman tree instead of wrong answers.
        epochs: Passes over the text; None for 5, and more for texts under two million words.
        min_count: Words with fewer occurrences are left out.
        words: Keep at most so many of the most frequent words.
        passage: Words a passage, into which longer texts are cut for "lsa" and "lda".
        evaluate: Files of similarity judgements and of analogy questions.
        seed: Fixes the run; with one worker bit for bit.
        encoding: Of text files, instead of inferring it.

    Example:
        >>> EmbeddingSettings(("novels.txt",), method="cbow", dim=50).command()
        'assay embed novels.txt --method cbow --dim 50'
    """

    sources: tuple[str, ...]
    column: str | None = None
    method: str = "skip-gram"
    dim: int | None = None
    window: int = 5
    negative: int = 5
    hierarchical: bool = False
    epochs: int | None = None
    min_count: int = 5
    words: int | None = None
    subsample: float = 1e-3
    lr: float | None = None
    workers: int = 1
    engine: str = "auto"
    passage: int = 200
    evaluate: tuple[str, ...] = ()
    seed: int = 0
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise OptionError(f"no method {self.method!r}; {nearest(self.method, METHODS)}")
        for name, least in (("dim", 1), ("epochs", 1), ("min_count", 1), ("words", 2), ("passage", 2), ("negative", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(f"--{name.replace('_', '-')} {value} is too few; give {least} or more")
        if self.is_predicting:
            self.word2vec(1)
            return
        given = [name for name in ONLY_WORD2VEC if getattr(self, name) != _default(name)]
        if given:
            raise OptionError(f"--{given[0]} is for {' and '.join(PREDICTING)}, and --method {self.method} has no use for it; leave it out")
        if self.method == "lsa" and self.epochs is not None:
            raise OptionError(f"--epochs {self.epochs} has no meaning for lsa, which is solved in one go; leave it out")

    @property
    def is_predicting(self) -> bool:
        """Whether it is a method of word2vec."""
        return self.method in PREDICTING

    @property
    def numbers(self) -> int:
        """Numbers a vector, or topics."""
        return self.dim or (LDA_TOPICS if self.method == "lda" else USUAL_DIM)

    def passes(self, words: int) -> int:
        """Passes over a text of so many words.

        Example:
            >>> [EmbeddingSettings(("a.txt",)).passes(n) for n in (5_000, 1_000_000, 50_000_000)]
            [50, 10, 5]
        """
        if self.epochs is not None:
            return self.epochs
        if self.method == "lda":
            return LDA_EPOCHS
        return max(FEWEST_EPOCHS, min(MOST_EPOCHS, round(ENOUGH_WORDS / max(1, words))))

    def word2vec(self, words: int) -> Word2VecSettings:
        """The settings of word2vec for a text of so many words."""
        return Word2VecSettings(
            method=self.method,
            dim=self.numbers,
            window=self.window,
            negatives=0 if self.hierarchical else self.negative,
            epochs=self.passes(words),
            subsample=self.subsample,
            rate=self.lr,
            workers=self.workers,
            seed=self.seed,
            engine=self.engine,
        )

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON-able data, with the kind of run that they are for."""
        data: dict[str, Any] = {"kind": KIND, **plain(self)}
        return data

    def command(self, out: str | None = None) -> str:
        """The command line that does this run again."""
        words = ["assay", "embed", *self.sources]
        for name in EmbeddingSettings.__dataclass_fields__:
            value = getattr(self, name)
            if name == "sources" or value == _default(name):
                continue
            option = f"--{name.replace('_', '-')}"
            words += [option] if value is True else [w for v in (value if isinstance(value, tuple) else (value,)) for w in (option, str(v))]
        return shlex.join([*words, *(["--out", out] if out else [])])


def _default(name: str) -> Any:
    return EmbeddingSettings.__dataclass_fields__[name].default


def is_embedding(record: Mapping[str, Any]) -> bool:
    """Whether a run's record is one of word vectors."""
    return bool(record.get("config", {}).get("kind") == KIND)
