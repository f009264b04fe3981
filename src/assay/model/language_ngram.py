"""N-gram models with interpolated, modified Kneser-Ney smoothing: the honest cheap peer of every neural language model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from assay.core.errors import RunError
from assay.model.language import TokenModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_TOKENS = 8_000_000
HALF = 0.5
"""What every token is given before it is seen (Krichevsky and Trofimov 1981)."""


@dataclass(frozen=True)
class Level:
    """The n-grams of one length that occur.

    Attributes:
        keys: Rising; rank of the n-gram without its last token among those one shorter, times the vocabulary, plus the last token.
        counts: How often each occurs.
        continued: How many different tokens stand before each; at least 1.
        vocab: Size of the vocabulary.
        n_contexts: How many n-grams one shorter there are.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]
    continued: NDArray[np.int64]
    vocab: int
    n_contexts: int

    @cached_property
    def top(self) -> Discounted:
        """Of the longest n-grams of a model: by how often they occur."""
        return Discounted.of(self, self.counts)

    @cached_property
    def below(self) -> Discounted:
        """Of the shorter ones that a model falls back on: by how many tokens they follow."""
        return Discounted.of(self, self.continued)

    def find(self, context: NDArray[np.int64], token: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rank of each n-gram, -1 where it (or its context, given as -1) does not occur."""
        wanted = context * self.vocab + token
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((context >= 0) & (self.keys[place] == wanted), place, -1)

    def after(self, context: int) -> slice:
        """The ranks of the n-grams with this context."""
        first, last = np.searchsorted(self.keys, [context * self.vocab, (context + 1) * self.vocab])
        return slice(int(first), int(last))


@dataclass(frozen=True)
class Discounted:
    """What a level gives: for each n-gram its discounted share, for each context the share that is left to shorter ones.

    Attributes:
        share: (count - discount) / count of the context.
        left: Sum of the discounts / count of the context; 1 for a context that never goes on.
    """

    share: NDArray[np.float64]
    left: NDArray[np.float64]

    @classmethod
    def of(cls, level: Level, counts: NDArray[np.int64]) -> Discounted:
        """Discounts by the counts of counts (Chen and Goodman 1999, equation 17)."""
        discount = _discounts(counts)[np.minimum(counts, 3)]
        context = level.keys // level.vocab
        total = np.bincount(context, weights=counts, minlength=level.n_contexts)
        spared = np.bincount(context, weights=discount, minlength=level.n_contexts)
        left = np.where(total > 0, spared / np.maximum(total, 1.0), 1.0)
        return cls((counts - discount) / total[context], left)


class NGram(TokenModel):
    """The next token by what followed the last few tokens in the training part.

    p(w | h) = max(c(h w) - D, 0) / c(h) + left(h) p'(w | h'), where h' is h without its first token, and p' counts, in place of
    occurrences, the different tokens before h' w; without context (c(w) + 1/2) / (n + vocab / 2).

    Source: Kneser and Ney 1995; interpolated, with three discounts: Chen and Goodman 1999.

    Args:
        unigram: How often each token occurs, (vocab,).
        levels: Of the n-grams of length 2 and more.

    Example:
        >>> model = NGram.learned(np.array([0, 1, 0, 1, 0, 1, 0, 1, 2], dtype=np.int32), vocab=3, order=2)
        >>> model.next_probabilities(np.array([0], dtype=np.int32)).round(2).tolist()
        [0.04, 0.92, 0.04]
    """

    name = "n-gram"
    complexity = 2

    def __init__(self, unigram: NDArray[np.int64], levels: Sequence[Level]) -> None:
        self.unigram, self.levels = unigram, tuple(levels)
        self.vocab = len(unigram)

    @classmethod
    def learned(cls, tokens: NDArray[np.int32], vocab: int, order: int) -> Self:
        """The model of that order, of the last eight million tokens."""
        *_, model = growing(tokens, vocab, order, cls)
        return model

    @property
    def order(self) -> int:
        """Tokens of its longest n-grams."""
        return 1 + len(self.levels)

    @property
    def block(self) -> int:
        return len(self.levels)

    @property
    def cuts(self) -> tuple[int, ...]:
        return tuple(range(1, self.block))

    @cached_property
    def constant(self) -> NDArray[np.float64]:
        """Probability of each token without any context, shape (vocab,)."""
        return np.asarray((self.unigram + HALF) / (self.unigram.sum() + HALF * self.vocab))

    @cached_property
    def _base(self) -> NDArray[np.float64]:
        """Without context, by how many tokens each follows: what all longer contexts fall back on."""
        if not self.levels:
            return self.constant
        kinds = np.bincount(self.levels[0].keys % self.vocab, minlength=self.vocab)
        return np.asarray((kinds + HALF) / (kinds.sum() + HALF * self.vocab), dtype=np.float64)

    def by_order(self, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
        """Bits of each token but the first under the models of order 1, 2, ... that this one holds, shape (order, tokens - 1)."""
        follow, before = tokens[1:].astype(np.int64), tokens[:-1].astype(np.int64)
        found = [self.constant[follow]]
        fallen, context = self._base[follow], before
        for level in self.levels:
            rank = level.find(context, follow)
            found.append(_mixed(level.top, rank, context, fallen))
            fallen = _mixed(level.below, rank, context, fallen)
            context = np.concatenate(([-1], rank[:-1]))  # the n-gram that ends one token earlier is the next longer one's context
        return np.asarray(-np.log2(np.stack(found)))

    def bits(self, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
        return np.asarray(self.by_order(tokens)[-1])

    def cut_bits(self, tokens: NDArray[np.int32], places: NDArray[np.intp], contexts: Sequence[int]) -> NDArray[np.float64]:
        rows = [min(context, self.block) for context in contexts]
        return np.asarray(self.by_order(tokens)[rows][:, places - 1])

    def probabilities(self, tokens: NDArray[np.int32], places: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.stack([self.next_probabilities(tokens[max(0, place - max(1, self.block)) : place]) for place in places])

    def next_probabilities(self, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
        spread = self._base if self.levels and len(tokens) else self.constant
        for place, level in enumerate(self.levels[: len(tokens)]):
            context = self._rank(tokens[len(tokens) - place - 1 :])
            if context < 0:
                break
            given = level.top if place == self.block - 1 else level.below
            here = level.after(context)
            mixed = float(given.left[context]) * spread
            mixed[level.keys[here] % self.vocab] += given.share[here]
            spread = mixed
        return np.asarray(spread / spread.sum())

    def _rank(self, context: NDArray[np.int32]) -> int:
        """Rank of an n-gram among those of its length, -1 where it does not occur."""
        rank = np.array([int(context[0])])
        for level, token in zip(self.levels, context[1:], strict=False):
            rank = level.find(rank, np.array([int(token)]))
        return int(rank[0])

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays: dict[str, NDArray[Any]] = {"unigram": self.unigram}
        for place, level in enumerate(self.levels):
            arrays[f"{place}.keys"] = level.keys
            arrays[f"{place}.counts"] = level.counts.astype(np.int32)
            arrays[f"{place}.continued"] = level.continued.astype(np.int32)
        return {"order": self.order}, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        levels: list[Level] = []
        try:
            unigram = arrays["unigram"].astype(np.int64)
            for place in range(int(data["order"]) - 1):
                keys, counts, continued = (arrays[f"{place}.{name}"].astype(np.int64) for name in ("keys", "counts", "continued"))
                levels.append(Level(keys, counts, continued, len(unigram), len(levels[-1].keys) if levels else len(unigram)))
        except KeyError as problem:
            raise RunError(f"the n-gram model lacks {problem}; it was written by another version, or cut") from problem
        return cls(unigram, levels)

    def describe(self) -> str:
        if not self.levels:
            return "the share of each token in the training part (unigram)"
        return f"{self.order}-grams with Kneser-Ney smoothing, {len(self.levels[-1].keys):,} different ones"


N = TypeVar("N", bound=NGram)


class Unigram(NGram):
    """The best constant: each token with its share of the training part, whatever stands before it."""

    name = "constant"
    complexity = 0


class Bigram(NGram):
    """The next token by the one before it."""

    name = "bigram"
    complexity = 1


def growing(tokens: NDArray[np.int32], vocab: int, most: int, kind: type[N]) -> Iterator[N]:
    """Models of order 1, 2, ... up to `most` (or the length of the text), each with one more level than the one before."""
    follow = tokens[-MOST_TOKENS:].astype(np.int64)
    unigram = np.bincount(follow, minlength=vocab)
    levels: list[Level] = []
    yield kind(unigram, levels)
    n_contexts, rank = vocab, follow
    for _ in range(most - 1):
        if len(rank) < 2:
            break
        # rank[i] is that of the n-gram ending at token i of what is left; together with the next token it is one longer
        keys, first, longer, counts = np.unique(
            rank[:-1] * vocab + follow[-len(rank) + 1 :], return_index=True, return_inverse=True, return_counts=True
        )
        if levels:
            levels[-1] = _with_continued(levels[-1], rank[1:][first])
        levels.append(Level(keys, counts, counts, vocab, n_contexts))
        n_contexts, rank = len(keys), longer
        yield kind(unigram, levels)


def _with_continued(level: Level, suffixes: NDArray[np.int64]) -> Level:
    """The level with how many tokens stand before each of its n-grams: the different longer ones that end in it."""
    continued = np.maximum(np.bincount(suffixes, minlength=len(level.keys)), 1)
    return Level(level.keys, level.counts, continued, level.vocab, level.n_contexts)


def _mixed(given: Discounted, rank: NDArray[np.int64], context: NDArray[np.int64], fallen: NDArray[np.float64]) -> NDArray[np.float64]:
    known = context >= 0
    share = np.where(rank >= 0, given.share[np.maximum(rank, 0)], 0.0)
    left = np.where(known, given.left[np.maximum(context, 0)], 1.0)
    return share + left * fallen


def _discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The discount of an n-gram that occurs 0, 1, 2, or 3 and more times."""
    ones, twos, threes, fours = (int(np.count_nonzero(counts == n)) for n in (1, 2, 3, 4))
    if not ones or not twos:
        return np.array([0.0, HALF, HALF, HALF])
    share = ones / (ones + 2 * twos)
    made = np.array([0.0, 1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / max(threes, 1)])
    return made if (made[1:] > 0).all() and (made <= (0, 1, 2, 3)).all() else np.array([0.0, share, share, share])
