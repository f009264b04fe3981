"""Whether a language model's probabilities can be taken at their word, and the bits that a temperature wins back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.core.eval_evidence import Calibration
from assay.core.statistics import chi2_sf
from assay.core.units import BITS_PER_NAT
from assay.evaluate.row_sample import representative
from assay.objective.calibration import apply_temperature, fit_temperature
from assay.objective.loss import LogLoss
from assay.objective.reliability import calibration_error, reliability_bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.evaluate.language_ledger import TokenLosses
    from assay.model.language import TokenModel

MOST_PLACES, FEWEST_PLACES = 4096, 256
MOST_CELLS = 1 << 21


def language_calibration(model: TokenModel, held: TokenLosses, seed: int) -> tuple[Calibration, float]:
    """The gain of one temperature on held-out tokens, cross-fitted between two halves, and the share of right first guesses.

    Args:
        model: Trained.
        held: On held-out text.
        seed: Of the sample of tokens.

    Returns:
        The calibration, over sampled tokens of which each is taken for an independent proof; and the share of them that the model
        thought likeliest.

    Source: Guo et al. 2017, section 4.2.
    """
    n_places = int(np.clip(MOST_CELLS // model.vocab, FEWEST_PLACES, MOST_PLACES))
    chosen = representative(held.closing, min(n_places, len(held.closing)), seed)
    probability = np.empty((len(chosen), model.vocab))
    for stretch, places, here in held.text.places(chosen):
        probability[here] = model.probabilities(held.text.tokens[stretch], places)
    target = held.text.follow[chosen].astype(np.int64)
    gain = _cross_fitted(probability, target)
    loss, temperature = LogLoss(), fit_temperature(probability, target)
    fitted = loss.mean(target, probability) - loss.mean(target, apply_temperature(probability, temperature))
    told = Calibration(
        error=calibration_error(probability, target),
        gain=float(gain.mean()),
        gain_se=float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("inf"),
        method="temperature",
        temperature=temperature,
        p=chi2_sf(max(0.0, 2.0 * len(target) * fitted / BITS_PER_NAT), 1),
        bins=reliability_bins(probability, target),
    )
    return told, float((probability.argmax(axis=1) == target).mean())


def _cross_fitted(probability: NDArray[np.float64], target: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the temperature of the other half takes off each token's bits; halves of the text, not of shuffled tokens."""
    loss, gain = LogLoss(), np.zeros(len(target))
    before = loss.per_row(target, probability)
    for here in np.array_split(np.arange(len(target)), 2):
        rest = np.setdiff1d(np.arange(len(target)), here)
        if len(here) and len(rest):
            temperature = fit_temperature(probability[rest], target[rest])
            gain[here] = before[here] - loss.per_row(target[here], apply_temperature(probability[here], temperature))
    return gain
