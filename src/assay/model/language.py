"""What every language model can do, whatever its family: say how surprising each token is, and what may come next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Reading:
    """A text that a model reads as it grows, token by token.

    Args:
        model: Who reads.
        tokens: The text so far.
    """

    def __init__(self, model: TokenModel, tokens: NDArray[np.int32]) -> None:
        self._model, self._tokens = model, [int(t) for t in tokens]

    def shares(self) -> NDArray[np.float64]:
        """Probability of each token to come next, shape (vocab,)."""
        return self._model.next_probabilities(np.array(self._tokens[-max(1, self._model.block) :], dtype=np.int32))

    def add(self, token: int) -> None:
        """The text goes on with this token."""
        self._tokens.append(token)


class TokenModel(ABC):
    """A trained model of the next token.

    Attributes:
        name: As typed after --model and shown on the ladder.
        complexity: Place on the ladder: 0 for the simplest.
        vocab: How many token numbers there are.
    """

    name: str
    complexity: int
    vocab: int

    @property
    @abstractmethod
    def block(self) -> int:
        """The longest context that it uses, in tokens."""

    @abstractmethod
    def bits(self, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
        """-log2 of what each token but the first was given by those before it, shape (tokens - 1,)."""

    @abstractmethod
    def cut_bits(self, tokens: NDArray[np.int32], places: NDArray[np.intp], contexts: Sequence[int]) -> NDArray[np.float64]:
        """The same of the tokens at these places, with only so many tokens before them known.

        Args:
            tokens: A stretch of text.
            places: Positions in it, at least 1; where fewer tokens stand before one, those are known.
            contexts: Lengths of at least 1.

        Returns:
            Shape (contexts, places).
        """

    @property
    @abstractmethod
    def cuts(self) -> tuple[int, ...]:
        """Lengths of context, rising and shorter than `block`, at which it pays to ask what more context tells."""

    @abstractmethod
    def probabilities(self, tokens: NDArray[np.int32], places: NDArray[np.intp]) -> NDArray[np.float64]:
        """What every token was given at these places (at least 1), as in `bits`, shape (places, vocab)."""

    @abstractmethod
    def next_probabilities(self, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
        """Probability of each token to come next, shape (vocab,)."""

    def reading(self, tokens: NDArray[np.int32]) -> Reading:
        """A text that it reads from these tokens on."""
        return Reading(self, tokens)

    def likeliest(self, tokens: NDArray[np.int32], n_tokens: int, beams: int) -> NDArray[np.int32] | None:
        """What a beam search of its own adds to the text; None where it has none."""
        return None

    @abstractmethod
    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The model as JSON-able data and plain arrays, from which `from_state` makes an equal one."""

    @classmethod
    @abstractmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The model that `state` described; nothing is unpickled, no code is run from the data."""

    @abstractmethod
    def describe(self) -> str:
        """What a person should know of this trained model in at most 120 characters."""


def drawn(probabilities: NDArray[np.float64], *, temperature: float, top_k: int | None, top_p: float | None, uniform: float) -> int:
    """One token number drawn from a distribution.

    Args:
        probabilities: Shape (vocab,), summing to 1.
        temperature: Flattens (above 1) or sharpens (below 1) it; 0 takes the likeliest.
        top_k: Only from so many of the likeliest; None for all.
        top_p: Only from the fewest likeliest that together have this probability; None for all.
        uniform: A number in [0, 1) that decides the draw.

    Source: nucleus sampling, Holtzman et al. 2020.

    Example:
        >>> shares = np.array([0.5, 0.3, 0.2])
        >>> drawn(shares, temperature=1.0, top_k=None, top_p=None, uniform=0.9)
        2
        >>> drawn(shares, temperature=1.0, top_k=2, top_p=None, uniform=0.9)
        1
    """
    if temperature == 0:
        return int(np.argmax(probabilities))
    order = np.argsort(-probabilities, kind="stable")
    shares = probabilities[order] ** (1.0 / temperature)
    shares /= shares.sum()
    kept = len(shares) if top_k is None else min(top_k, len(shares))
    if top_p is not None:
        kept = min(kept, 1 + int(np.searchsorted(np.cumsum(shares), top_p)))
    climbed = np.cumsum(shares[:kept])
    return int(order[min(kept - 1, int(np.searchsorted(climbed, uniform * climbed[-1], side="right")))])
