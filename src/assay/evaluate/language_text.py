"""Text cut into stretches on which a language model is judged, and its loss there, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.language import TokenModel
    from assay.model.tokenizer import Tokenizer

STRETCH_TOKENS = 4096
GROUP_TOKENS = 256
FEWEST_GROUPS = 8


@dataclass(frozen=True)
class Stretches:
    """Stretches of one part of a corpus; of each the tokens from the second on are predicted.

    Attributes:
        tokens: Shape (tokens,) each.
        widths: UTF-8 bytes of each token.
    """

    tokens: tuple[NDArray[np.int32], ...]
    widths: tuple[NDArray[np.int32], ...]

    @property
    def predicted(self) -> int:
        """How many tokens are predicted."""
        return sum(len(one) - 1 for one in self.tokens)

    @property
    def follow(self) -> NDArray[np.int32]:
        """The predicted tokens of all stretches, one after the other."""
        return np.concatenate([one[1:] for one in self.tokens])

    def bits(self, model: TokenModel) -> NDArray[np.float64]:
        """Bits of each predicted token under the model, in the order of `follow`."""
        return np.concatenate([model.bits(one) for one in self.tokens])

    def places(self, chosen: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.intp]]]:
        """By stretch, those of the predicted tokens that were chosen by their numbers in the order of `follow`.

        Yields:
            Number of the stretch, places in it, and where they stand among the chosen ones.
        """
        first = 0
        for number, one in enumerate(self.tokens):
            here = np.flatnonzero((chosen >= first) & (chosen < first + len(one) - 1))
            if len(here):
                yield number, chosen[here] - first + 1, here
            first += len(one) - 1

    def bits_per_byte(self, bits: NDArray[np.float64], tokenizer: Tokenizer) -> float:
        """Bits over bytes of the predicted tokens, summed apart and divided once; what is unknown is spelled out.

        Source: definition; bits per byte compare models of different vocabularies.
        """
        widths = np.concatenate([one[1:] for one in self.widths])
        return (float(bits.sum()) + tokenizer.spelled_bits(self.follow, widths)) / max(1, int(widths.sum()))


def stretches_of(tokens: NDArray[np.int32], widths: NDArray[np.int32], most: int) -> Stretches:
    """All the tokens in one stretch, or of more than `most` evenly spread stretches of 4,096.

    Example:
        >>> text = np.zeros(100_000, dtype=np.int32)
        >>> [len(one) for one in stretches_of(text, text, most=10_000).tokens]
        [4096, 4096]
    """
    if len(tokens) <= most:
        return Stretches((tokens,), (widths,))
    n_stretches = max(1, most // STRETCH_TOKENS)
    starts = np.linspace(0, len(tokens) - STRETCH_TOKENS, n_stretches).round().astype(np.intp)
    cuts = [slice(int(s), int(s) + STRETCH_TOKENS) for s in starts]
    return Stretches(tuple(tokens[cut] for cut in cuts), tuple(widths[cut] for cut in cuts))


def group_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of about 256 neighbouring tokens each, so that what neighbours have in common does not count as many proofs.

    Standard errors of losses are taken over these.

    Source: the method of batch means, Law and Kelton 2000, section 9.5.

    Example:
        >>> len(group_means(np.arange(2560.0))), len(group_means(np.arange(100.0)))
        (10, 8)
    """
    n_groups = min(len(values), max(FEWEST_GROUPS, len(values) // GROUP_TOKENS))
    return np.array([part.mean() for part in np.array_split(values, n_groups)])


def pieces(tokenizer: Tokenizer, tokens: Sequence[int], bits: Sequence[float]) -> tuple[tuple[str, float], ...]:
    """Tokens as text with their bits; tokens that are parts of one character are put together.

    Example:
        >>> from assay.model.tokenizer import ByteTokenizer
        >>> pieces(ByteTokenizer(), [97, 195, 169], [1.0, 2.0, 3.0])
        (('a', 1.0), ('é', 5.0))
    """
    made: list[tuple[str, float]] = []
    waiting: list[int] = []
    cost = 0.0
    for token, bit in zip(tokens, bits, strict=True):
        waiting.append(int(token))
        cost += float(bit)
        text = tokenizer.decode(waiting)
        if "\ufffd" not in text or len(waiting) == 4 or token == tokenizer.unknown:
            made.append((text, cost))
            waiting, cost = [], 0.0
    return (*made, (tokenizer.decode(waiting), cost)) if waiting else tuple(made)


def by_context(levels: Mapping[int, NDArray[np.float64]]) -> tuple[tuple[int, float], ...]:
    """(tokens of context, mean bits) in rising order of context."""
    return tuple((context, float(levels[context].mean())) for context in sorted(levels))
