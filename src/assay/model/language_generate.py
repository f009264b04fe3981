"""What a language model writes, token by token as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import OptionError
from assay.model.language import drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.language import TokenModel


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn.

    Attributes:
        temperature: Flattens (above 1) or sharpens (below 1) the probabilities; 0 takes the likeliest.
        top_k: Only from so many of the likeliest; None for all.
        top_p: Only from the fewest likeliest that together have this probability; None for all.
        banned: Tokens that are never written, such as the unknown.

    Raises:
        OptionError: a value is out of its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    banned: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            raise OptionError(f"a temperature of {self.temperature} cannot be drawn with; give 0 (the likeliest) or more, such as 0.8")
        if self.top_k is not None and self.top_k < 1:
            raise OptionError(f"top-k {self.top_k} leaves no token to draw; give 1 or more")
        if self.top_p is not None and not 0.0 < self.top_p <= 1.0:
            raise OptionError(f"top-p {self.top_p} is no share of the probability; give one above 0 and at most 1")


@dataclass(frozen=True)
class Written:
    """One token that was written.

    Attributes:
        probability: That the model itself gave it, before temperature and cuts.
    """

    token: int
    probability: float


def written(model: TokenModel, prompt: NDArray[np.int32], n_tokens: int, sampling: Sampling, seed: int) -> Iterator[Written]:
    """The tokens that the model adds to a prompt, each as soon as it is drawn.

    Args:
        model: Trained.
        prompt: At least one token.
        n_tokens: How many to write.
        sampling: How they are drawn.
        seed: Of the draws; the same seed writes the same text.

    Example:
        >>> from assay.model.language_ngram import NGram
        >>> model = NGram.learned(np.array([0, 1, 2] * 9, dtype=np.int32), vocab=3, order=2)
        >>> [one.token for one in written(model, np.array([0], dtype=np.int32), 5, Sampling(temperature=0), seed=0)]
        [1, 2, 0, 1, 2]
    """
    rng, reading = np.random.default_rng(seed), model.reading(prompt)
    for _ in range(n_tokens):
        shares = reading.shares()
        allowed = shares.copy()
        allowed[list(sampling.banned)] = 0.0
        if not allowed.sum() > 0:
            return
        token = drawn(
            allowed / allowed.sum(),
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            uniform=float(rng.random()),
        )
        yield Written(token, float(shares[token]))
        reading.add(token)


def beam(model: TokenModel, prompt: NDArray[np.int32], n_tokens: int, beams: int, banned: tuple[int, ...] = ()) -> list[Written]:
    """The likeliest continuation that a beam search finds.

    Of all texts of one more token that the kept ones can become, the `beams` likeliest are kept, `n_tokens` times. The likeliest
    text is seldom the best one: it is safe and repeats itself.

    Args:
        model: Trained.
        prompt: At least one token.
        n_tokens: How many to add.
        beams: How many texts are kept.
        banned: Tokens that are never written.

    Raises:
        OptionError: fewer than one beam.

    Source: Sutskever, Vinyals and Le 2014, section 3.2; on its texts: Holtzman et al. 2020.

    Example:
        >>> from assay.model.language_ngram import NGram
        >>> model = NGram.learned(np.array([0, 1, 2] * 9, dtype=np.int32), vocab=3, order=2)
        >>> [one.token for one in beam(model, np.array([0], dtype=np.int32), 4, beams=2)]
        [1, 2, 0, 1]
    """
    if beams < 1:
        raise OptionError(f"{beams} beams keep no text; give 1 or more")
    own = None if banned else model.likeliest(prompt, n_tokens, beams)
    if own is not None:
        bits = model.bits(np.concatenate([prompt, own]))[-len(own) :]
        return [Written(int(token), float(2.0**-cost)) for token, cost in zip(own, bits, strict=True)]
    kept: list[tuple[float, list[Written]]] = [(0.0, [])]
    for _ in range(n_tokens):
        grown: list[tuple[float, list[Written]]] = []
        for score, text in kept:
            tokens = np.concatenate([prompt, np.array([one.token for one in text], dtype=np.int32)])
            shares = model.next_probabilities(tokens)
            allowed = shares.copy()
            allowed[list(banned)] = 0.0
            for token in np.argsort(-allowed, kind="stable")[:beams]:
                if allowed[token] > 0:
                    chance = float(shares[token])
                    grown.append((score + float(np.log2(chance)), [*text, Written(int(token), chance)]))
        if not grown:
            break
        kept = sorted(grown, key=lambda pair: -pair[0])[:beams]
    return kept[0][1]
