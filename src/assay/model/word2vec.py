"""word2vec: word vectors learned by telling a word's neighbours from others, by skip-gram or CBOW."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from assay.core.errors import ExtraMissing, OptionError, nearest
from assay.core.seeds import seed_for
from assay.core.units import BITS_PER_NAT
from assay.model.word_sampling import Draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.vocabulary import Vocabulary, WordStream

METHODS = ("skip-gram", "cbow")
ENGINES = ("auto", "numba", "torch")
SPAN_WORDS = 10_000
"""Words that one worker reads at a time; the rate falls from one span to the next, and no window reaches over a span's end."""

COMPILE_WORDS = 400_000
"""Fewer words than this, all passes counted, are read by the plain engine before numba has compiled the other."""

LAST_RATE_SHARE = 0.004


@dataclass(frozen=True)
class Word2VecSettings:
    """How word vectors are learned.

    Attributes:
        method: "skip-gram" predicts the centre from each word around it, "cbow" from their mean.
        dim: Numbers a vector.
        window: Words to each side at most; each window's reach is drawn from 1 to this.
        negatives: Wrong answers that a window's words are told from; 0 asks a Huffman tree instead (hierarchical softmax).
        epochs: Passes over the text.
        subsample: Words with a larger share of the text are read less often; 0 reads all.
        rate: Learning rate at the start, which falls linearly to `LAST_RATE_SHARE` of it; 0.025 for skip-gram and 0.1 for CBOW
            where None.
        workers: Threads. One gives the same vectors each time; several race for the tables, and two runs differ a little.
        seed: Of start, windows and wrong answers.
        engine: "numba", "torch", or "auto" for what is there and sooner done.
    """

    method: str = "skip-gram"
    dim: int = 100
    window: int = 5
    negatives: int = 5
    epochs: int = 5
    subsample: float = 1e-3
    rate: float | None = None
    workers: int = 1
    seed: int = 0
    engine: str = "auto"

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("engine", ENGINES)):
            if getattr(self, name) not in known:
                raise OptionError(f"no {name} {getattr(self, name)!r}; {nearest(getattr(self, name), known)}")
        for name, least, most in (("dim", 1, 4096), ("window", 1, 100), ("negatives", 0, 200), ("epochs", 1, 10_000), ("workers", 1, 1024)):
            if not least <= getattr(self, name) <= most:
                raise OptionError(f"{name} is {getattr(self, name)}, it must be a whole number from {least} to {most:,}")
        if not 0.0 <= self.subsample < 1.0:
            raise OptionError(f"subsample is {self.subsample}, it must be a share from 0 (keep all words) to under 1, such as 0.001")
        if self.rate is not None and not 0.0 < self.rate <= 1.0:
            raise OptionError(f"learning rate is {self.rate}, it must be above 0 and at most 1, such as 0.025")

    @property
    def first_rate(self) -> float:
        """Learning rate at the start."""
        return self.rate if self.rate is not None else 0.1 if self.method == "cbow" else 0.025


class Engine(Protocol):
    """What trains spans of a text; see `word2vec_kernel` and `word2vec_torch`."""

    name: str
    compile_seconds: float

    def train(self, first: int, last: int, seed: int, rate: float) -> tuple[float, int]:
        """One pass over some words: (nats lost, predictions made)."""

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The input table, (vocab, dim)."""

    @property
    def outputs(self) -> NDArray[np.float32]:
        """The output table, (outputs, dim)."""


@dataclass(frozen=True)
class State:
    """How far training has come.

    Attributes:
        epoch: Passes begun.
        done_share: Share of all words read, 0 to 1.
        bits: Loss of this pass so far, bits a prediction.
        words_per_second: Words of the text a second, rare ones counted in, compilation left out.
        seconds_left: At that speed.
    """

    epoch: int
    done_share: float
    bits: float
    words_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Word2Vec:
    """Trained word vectors.

    Attributes:
        inputs: The words' vectors, (vocab, dim) float32.
        outputs: The vectors that they were trained against: one a word, or one a node of the tree.
        opening_bits: Loss at birth, when every answer is a coin toss, bits a prediction.
        bits: Loss of each pass, bits a prediction; every prediction is counted before it is learned from.
        engine: Which engine it was.
        seconds: Time it took, compilation left out.
        compile_seconds: Processor time of the compilation.
        words_read: Words read, all passes, rare ones counted in.
        is_interrupted: The user ended it early.
    """

    inputs: NDArray[np.float32]
    outputs: NDArray[np.float32]
    opening_bits: float
    bits: tuple[float, ...]
    engine: str
    seconds: float
    compile_seconds: float
    words_read: int
    is_interrupted: bool = False

    @property
    def words_per_second(self) -> float:
        """Speed, rare words counted in, compilation left out."""
        return self.words_read / max(self.seconds, 1e-9)


def train_word2vec(
    vocabulary: Vocabulary, stream: WordStream, settings: Word2VecSettings, told: Callable[[State], None] | None = None
) -> Word2Vec:
    """Learn word vectors from a text.

    The loss of a prediction with answer 1 for the centre and 0 for each wrong answer is -log2 s(u_centre . v) - sum log2 s(-u . v),
    s the logistic function; wrong answers are drawn in proportion to count ** 0.75, once for all predictions of a window.

    Args:
        vocabulary: The words.
        stream: The text.
        settings: How.
        told: Listener, called after every span. A KeyboardInterrupt that comes after the first span ends the training; what was
            learned is returned.

    Raises:
        ExtraMissing: neither numba nor torch is installed, or not the engine that was asked for.
        OptionError: the rate is so high that the loss is no number any more.

    Source: Mikolov et al. 2013a (skip-gram, CBOW), 2013b (negative sampling, subsampling); shared wrong answers: Ji et al. 2016.
        CBOW moves each context word by its share of the mean's gradient, where the first program moved it by the whole (Irsoy et
        al. 2021).
    """
    draws = Draws.of(stream, vocabulary.counts, subsample=settings.subsample, window=settings.window, negatives=settings.negatives)
    engine = _engine(draws, len(vocabulary), settings)
    opening = 1.0 + settings.negatives if settings.negatives else float(np.average(draws.tree.lengths(), weights=vocabulary.counts))
    run = _Run(engine, stream, settings, told)
    interrupted = False
    try:
        for epoch in range(settings.epochs):
            run.read(epoch)
    except KeyboardInterrupt:
        if not run.words_done:
            raise
        interrupted = True
    if not np.isfinite(run.bits).all():
        passes = f"after {len(run.bits)} passes at a learning rate of {settings.first_rate}"
        raise OptionError(f"the loss is not finite {passes}; give a lower one with --lr")
    return Word2Vec(
        engine.inputs,
        engine.outputs,
        opening,
        tuple(run.bits),
        engine.name,
        run.seconds,
        engine.compile_seconds,
        round(run.words_done * run.raw_share),
        interrupted,
    )


def start_table(vocab: int, dim: int, seed: int) -> NDArray[np.float32]:
    """The input table at birth: uniform within 0.5 / dim of 0, (vocab, dim); the output table is born as zeros."""
    drawn = np.random.default_rng(seed_for(seed, "word vectors")).random((vocab, dim), dtype=np.float32)
    return (drawn - np.float32(0.5)) / np.float32(dim)


def _engine(draws: Draws, vocab: int, settings: Word2VecSettings) -> Engine:
    inputs = start_table(vocab, settings.dim, settings.seed)
    n_outputs = vocab if settings.negatives else vocab - 1
    averaged = settings.method == "cbow"
    if engine_for(settings, len(draws.stream.ids)) == "numba":
        from assay.model.word2vec_kernel import CompiledEngine

        return CompiledEngine(draws, inputs, n_outputs, averaged=averaged)
    from assay.model.word2vec_torch import TorchEngine

    return TorchEngine(draws, inputs, n_outputs, averaged=averaged)


def engine_for(settings: Word2VecSettings, words: int) -> str:
    """The engine that reads a text of so many words, rare ones left out: "numba" or "torch".

    Raises:
        ExtraMissing: what is needed is not installed.
    """
    there = {name: importlib.util.find_spec(name) is not None for name in ("numba", "torch")}
    if settings.engine != "auto":
        if not there[settings.engine]:
            raise ExtraMissing(f"the word2vec engine {settings.engine!r}", "words" if settings.engine == "numba" else "torch")
        return settings.engine
    if not any(there.values()):
        raise ExtraMissing("word2vec", "words")
    is_short = words * settings.epochs < COMPILE_WORDS
    return "torch" if there["torch"] and (is_short or not there["numba"]) else "numba"


class _Run:
    """One training under way: its spans, their rates, and what was lost."""

    def __init__(self, engine: Engine, stream: WordStream, settings: Word2VecSettings, told: Callable[[State], None] | None) -> None:
        self.engine, self.settings, self.told = engine, settings, told
        self.words = len(stream.ids)
        self.raw_share = stream.raw_words / max(1, self.words)
        self.words_done = 0
        self.seconds = 0.0
        self.bits: list[float] = []

    def read(self, epoch: int) -> None:
        """One pass."""
        began, before = time.monotonic(), self.seconds
        nats, answers = 0.0, 0
        self.bits.append(0.0)
        try:
            for words, lost, given in self._spans(epoch):
                nats, answers = nats + lost, answers + given
                self.words_done += words
                self.bits[-1] = nats / max(1, answers) * BITS_PER_NAT
                self.seconds = before + time.monotonic() - began
                if self.told is not None:
                    self.told(self._state(epoch))
        finally:
            self.seconds = before + time.monotonic() - began

    def _state(self, epoch: int) -> State:
        done = self.words_done / (self.words * self.settings.epochs)
        left = self.seconds * (1.0 - done) / done
        return State(epoch + 1, done, self.bits[-1], self.words_done * self.raw_share / max(self.seconds, 1e-9), left)

    def _spans(self, epoch: int) -> Iterator[tuple[int, float, int]]:
        seed = seed_for(self.settings.seed, f"word2vec pass {epoch}")
        firsts = range(0, self.words, SPAN_WORDS)

        def train(first: int) -> tuple[int, float, int]:
            last = min(first + SPAN_WORDS, self.words)
            return (last - first, *self.engine.train(first, last, seed, self._rate(epoch, first)))

        if self.settings.workers == 1 or self.engine.name == "torch":
            yield from map(train, firsts)
            return
        pool = ThreadPoolExecutor(self.settings.workers)
        try:
            yield from pool.map(train, firsts)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _rate(self, epoch: int, first: int) -> float:
        done = (epoch + first / self.words) / self.settings.epochs
        return self.settings.first_rate * max(LAST_RATE_SHARE, 1.0 - done * (1.0 - LAST_RATE_SHARE))
