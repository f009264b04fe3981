"""What a person asks of a language run, as it is recorded in the run and typed again to reproduce it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from assay.core.errors import OptionError, nearest
from assay.core.evidence import build, plain
from assay.face.job.settings import MAX_TEST_SHARE
from assay.face.language_view import KIND
from assay.model.tokenizer import KINDS

MODELS = ("constant", "bigram", "n-gram", "rnn", "gru", "lstm", "transformer")
NEURAL = ("rnn", "gru", "lstm", "transformer")
MOST_RATE = 10.0


@dataclass(frozen=True, slots=True)
class LanguageSettings:
    """The configuration of one language run.

    Attributes:
        source: A text file, a glob or a folder.
        model: One model of the ladder; None for the n-gram and the transformer, of which one is recommended.
        test: Share of the text to hold out at its end, or a file of its own.
        tokens: "byte", "char", "word" or "bpe".
        vocab: Size of the vocabulary of words and BPE; None for what is usual.
        layers, width, heads, activation, dropout: Of the network; None for what is usual for the family.
        block: Tokens of context that a network is trained on.
        steps: Training steps at most; batch: blocks a step.
        epochs: Instead of steps: so many times as many blocks as the training text has.
        lr: Learning rate; "auto" for the range test; None for what is usual for the family.
        optimiser, schedule, average, precision, clip: How the network is trained; None for what is usual for language models.
        seed: Fixes the run.
        budget: Seconds for training the network; None for no limit.
        encoding: Of the files, instead of inferring it.

    Example:
        >>> LanguageSettings("poems.txt", model="lstm", steps=500).command()
        'assay train poems.txt --model lstm --steps 500'
    """

    source: str
    model: str | None = None
    test: str = "0.1"
    tokens: str = "char"
    vocab: int | None = None
    layers: int | None = None
    width: int | None = None
    heads: int | None = None
    block: int = 64
    steps: int = 2000
    epochs: int | None = None
    batch: int = 12
    lr: str | None = None
    activation: str | None = None
    dropout: float = 0.0
    optimiser: str | None = None
    schedule: str | None = None
    average: bool = False
    precision: str | None = None
    clip: float | None = None
    seed: int = 0
    budget: float | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.model is not None and self.model not in MODELS:
            raise OptionError(f"no language model {self.model!r}; {nearest(self.model, MODELS)}")
        if self.tokens not in KINDS:
            raise OptionError(f"no tokens {self.tokens!r}; {nearest(self.tokens, KINDS)}")
        if self.vocab is not None and self.tokens in ("byte", "char"):
            raise OptionError(f"--vocab {self.vocab} is for --tokens word and bpe; {self.tokens} tokens have the vocabulary that they have")
        for name, least in (
            ("block", 2),
            ("steps", 1),
            ("batch", 1),
            ("layers", 1),
            ("width", 1),
            ("heads", 1),
            ("vocab", 2),
            ("epochs", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(f"--{name} {value} is too few; give {least} or more")
        if not 0.0 <= self.dropout < 1.0:
            raise OptionError(f"--dropout {self.dropout} is no share to drop; give one from 0 to under 1")
        if self.budget is not None and not self.budget > 0:
            raise OptionError(f"a budget of {self.budget} s leaves no time; give seconds above 0")
        self._check_rate()
        self._check_share()

    def _check_rate(self) -> None:
        if self.lr in (None, "auto"):
            return
        try:
            rate = float(str(self.lr))
        except ValueError:
            rate = -1.0
        if not 0.0 < rate <= MOST_RATE:
            raise OptionError(f"--lr {self.lr} is no learning rate; give a number above 0, such as 0.001, or auto")

    def _check_share(self) -> None:
        share = self.test_share
        if share is not None and not 0.0 < share <= MAX_TEST_SHARE:
            raise OptionError(
                f"--test {self.test} is no share of the text to hold out; give one above 0 and at most {MAX_TEST_SHARE}, or a file"
            )

    @property
    def test_share(self) -> float | None:
        """The share of the text to hold out; None where a file was given."""
        try:
            return float(self.test)
        except ValueError:
            return None

    @property
    def ladder(self) -> tuple[str, ...]:
        """The models to train, the simplest first."""
        if self.model is None:
            return ("constant", "n-gram", "transformer")
        peers = ("constant", "n-gram") if self.model in NEURAL else ("constant",)
        return tuple(dict.fromkeys((*peers, self.model)))

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON data, with what kind of run they are of."""
        return {"kind": KIND, **plain(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The settings that `to_json` described."""
        made: Self = build(cls, data)
        return made

    def command(self, out: str | None = None) -> str:
        """The command line that asks for the same run."""
        words = ["assay", "train", self.source]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "source" and value != field.default:
                words += [f"--{field.name}", *([] if value is True else [str(value)])]
        return shlex.join([*words, *(["--out", out] if out else [])])


def language_settings(source: str, given: Mapping[str, Any]) -> LanguageSettings:
    """The settings of a language run from options that may be meant for tables.

    Args:
        source: The text.
        given: Options that were given, by name.

    Raises:
        OptionError: an option has no meaning for a text, or a value is not accepted.

    Example:
        >>> language_settings("poems.txt", {"lr": 0.01, "steps": 9}).lr
        '0.01'
    """
    known = {field.name for field in fields(LanguageSettings)}
    for name, value in given.items():
        if name not in known:
            shown = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
            raise OptionError(
                f"--{name} {shown} is for tables, and {source} is read as a text to learn a language from; "
                "leave it out, or name what to predict with --target COLUMN"
            )
    named: dict[str, Any] = {name: str(value) if name in ("lr", "test") else value for name, value in given.items()}
    if "steps" in named and "epochs" in named:
        raise OptionError(f"--steps {named['steps']} and --epochs {named['epochs']} both say how long to train; give one of them")
    return LanguageSettings(source, **named)
