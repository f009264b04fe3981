"""The ledger of a language model: which context the bits came from, and which part of the model learned them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.ledger import Booking, Ledger, Side
from assay.core.seeds import seed_for
from assay.evaluate.adjustment import memorised
from assay.evaluate.language_text import group_means
from assay.evaluate.row_sample import mean_and_se, most_astray, representative, two_phase_se
from assay.evaluate.weight_path import SMALLEST_FALL_SHARE
from assay.model.language_ngram import NGram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.evaluate.language_text import Stretches
    from assay.model.language import TokenModel
    from assay.model.snapshots import Snapshots

MOST_PLACES, FEWEST_PLACES = 2048, 256
MOST_CUT_TOKENS = 1 << 18
ROUNDING = 1e-9
REMAINDER_SHARE = 0.01


@dataclass(frozen=True)
class TokenLosses:
    """Bits of the predicted tokens of some stretches.

    Attributes:
        text: The stretches.
        opening: Under the unigram of the training part, in the order of `text.follow`.
        closing: Under the model.
    """

    text: Stretches
    opening: NDArray[np.float64]
    closing: NDArray[np.float64]

    @property
    def gained(self) -> NDArray[np.float64]:
        """What the model takes off each token's bits."""
        return self.opening - self.closing

    @property
    def reduction(self) -> float:
        """Mean of it."""
        return float(self.gained.mean())


@dataclass(frozen=True)
class Cut:
    """Held-out tokens whose context was cut.

    Attributes:
        side: The ledger's side of sources: by how far back a token of the context stands.
        curve: (tokens of context known, mean bits), from none to all.
    """

    side: Side
    curve: tuple[tuple[int, float], ...]


def language_ledger(
    model: TokenModel,
    held: TokenLosses,
    learned: TokenLosses,
    cut: Cut,
    *,
    unit: str,
    snapshots: Snapshots | None,
    most_tokens: int,
    seed: int,
) -> Ledger:
    """The books of a language model on held-out text.

    Args:
        model: Trained.
        held: On held-out text; learned: on text that it learned from.
        cut: What `by_source` made of it.
        unit: Of the books, such as "bits/character".
        snapshots: Weights of a network from birth to those kept; None for other models.
        most_tokens: Tokens whose gradients the side of learners may take.
        seed: Of the run.
    """
    groups = group_means(held.closing)
    return Ledger(
        model=model.name,
        unit=unit,
        rows=len(held.closing),
        opening=float(held.opening.mean()),
        closing=float(held.closing.mean()),
        closing_se=mean_and_se(groups)[1],
        train_closing=float(learned.closing.mean()),
        sources=cut.side,
        learners=by_learner(model, held, learned, snapshots=snapshots, most_tokens=most_tokens, seed=seed),
        adjustments=(memorised(groups, group_means(learned.closing)),),
    )


def by_source(model: TokenModel, held: TokenLosses, noun: str, seed: int, most_tokens: int = MOST_CUT_TOKENS) -> Cut:
    """The reduction booked to the tokens of the context, by how far back they stand.

    Each sampled token is predicted with nothing known (the unigram), with the last token, the last 2, 4, 8, ... known, and with
    all that the model sees. A line is the fall from one to the next, so that the lines sum to opening - closing on the sample
    exactly; what remains is the difference between the sample and all held-out tokens.

    Args:
        model: Trained.
        held: On held-out text.
        noun: What a token is called.
        seed: Of the run.
        most_tokens: Tokens that a network may read for it.

    Source: definition; cf. Khandelwal et al. 2018, "Sharp Nearby, Fuzzy Far Away", who cut contexts to see what they tell.
    """
    n_places = len(held.gained)
    if not isinstance(model, NGram):
        n_places = min(n_places, MOST_PLACES, max(FEWEST_PLACES, min(most_tokens, MOST_CUT_TOKENS) // model.block))
    chosen = representative(held.gained, n_places, seed_for(seed, "ledger places"))
    levels = np.empty((2 + len(model.cuts), len(chosen)))
    levels[0], levels[-1] = held.opening[chosen], held.closing[chosen]
    if model.cuts:
        for stretch, places, here in held.text.places(chosen):
            levels[1:-1, here] = model.cut_bits(held.text.tokens[stretch], places, model.cuts)
    known = (0, *model.cuts, model.block)
    falls = levels[:-1] - levels[1:]
    errors = two_phase_se(falls.T, held.gained[chosen], held.gained)
    lines = [
        Booking(reach(before + 1, after), float(fall.mean()), se=float(error))
        for before, after, fall, error in zip(known[:-1], known[1:], falls, errors, strict=True)
        if after > before
    ]
    side = Side(
        "source",
        tuple(lines),
        remainder=held.reduction - sum(b.held_out for b in lines),
        method=f"context cut to the last {_listed(known)} {noun}s, on {len(chosen):,} of {len(held.gained):,} held-out {noun}s",
        tolerance=most_astray(held.gained, len(chosen)) + ROUNDING * float(held.opening.mean()),
        in_order=True,
    )
    return Cut(side, tuple((k, float(level.mean())) for k, level in zip(known, levels, strict=True)))


def reach(first: int, last: int) -> str:
    """Name the tokens that stand so far back.

    Example:
        >>> reach(1, 1), reach(5, 8)
        ('1 back', '5-8 back')
    """
    return f"{first} back" if first == last else f"{first}-{last} back"


def _listed(lengths: Sequence[int]) -> str:
    return ", ".join(str(n) for n in lengths[:-1]) + f" and {lengths[-1]}"


def by_learner(
    model: TokenModel,
    held: TokenLosses,
    learned: TokenLosses,
    *,
    snapshots: Snapshots | None = None,
    most_tokens: int = 1 << 19,
    seed: int = 0,
) -> Side:
    """The reduction booked to the parts of the model: a network's layers along the path of its weights, n-grams by their length."""
    whole = max(abs(held.reduction), SMALLEST_FALL_SHARE * float(held.opening.mean()))
    astray = 0.0
    if isinstance(model, NGram):
        lines = _by_order(model, held, learned)
        method = "differences of loss between n-grams of rising length, all held-out tokens"
    elif snapshots is not None and len(snapshots) > 1:
        from assay.evaluate.language_path import path_bookings

        lines, method, astray = path_bookings(model, snapshots, held, learned, most_tokens=most_tokens, share=REMAINDER_SHARE, seed=seed)
    else:
        lines = [Booking("all of it", held.reduction, train=learned.reduction)]
        method = "the weights' path was not kept, so the model is one line"
    tolerance = astray + ROUNDING * float(held.opening.mean()) + (0.0 if isinstance(model, NGram) else REMAINDER_SHARE * whole)
    return Side("learner", tuple(lines), held.reduction - sum(b.held_out for b in lines), method, tolerance)


def _by_order(model: NGram, held: TokenLosses, learned: TokenLosses) -> list[Booking]:
    levels = [
        np.concatenate([model.by_order(one) for one in losses.text.tokens], axis=1).mean(axis=1) if model.levels else np.zeros(0)
        for losses in (held, learned)
    ]
    falls = [-np.diff(level) for level in levels]
    return [
        Booking(f"{order}-grams", float(on_held), train=float(on_learned))
        for order, (on_held, on_learned) in enumerate(zip(*falls, strict=True), start=2)
    ]
