"""Naive Bayes: every column speaks for itself, and what they say is added up; the plainest model of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.core.units import BITS_PER_NAT
from assay.model.additive import softmax
from assay.model.contract import Model, Rows
from assay.model.cross_fit import each_fold, folds_of
from assay.model.family import refuse_unfit
from assay.model.likelihoods import Likelihoods, Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss

SMOOTHINGS = (1.0, 0.3, 0.1)
# Columns that repeat each other make the sum too sure of itself, and TF-IDF rows of length 1 make it too unsure.
FAINTEST, LOUDEST = 0.01, 20.0
# Of each prediction, taken from the class shares: no sum of evidence makes a class impossible.
DOUBT_SHARE = 1e-6
SHOWN_WORDS = 4


class NaiveBayes(Model):
    """Log class shares plus `volume` times the sum over columns of the log-likelihood of what stands there.

    Words follow a multinomial distribution a class, codes a categorical one, numbers a normal one or their tenths; which of
    them, and the volume, is chosen on rows that were not learned from. At volume 1 this is Bayes' theorem for independent columns;
    columns that say the same twice are overheard, which a volume under 1 mends.

    Source: McCallum and Nigam 1998 for words (presence: Wang and Manning 2012); Domingos and Pazzani 1997 for why it classifies
    well where columns depend on each other, and promises too much.
    """

    name: ClassVar[str] = "naive-bayes"
    complexity: ClassVar[int] = 2

    def __init__(self) -> None:
        self.start = np.zeros(1)
        self.volume = 1.0
        self.likelihoods: Likelihoods | None = None
        self.told = ""

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        refuse_unfit(self.name, loss.task)
        both = train.followed_by(valid)
        self.start = loss.best_constant(both.target, both.weight, classes=classes)
        reading = Reading()
        if valid.size:
            reading, self.volume, self.valid_prediction = _chosen(train, valid, loss, classes)
        self.likelihoods = Likelihoods.fit(both, classes, reading)
        self.told = self._told(both)

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        return self.path(data, 1.0)

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        yield "constant", np.repeat(self.start[None], data.rows, axis=0)
        yield "likelihoods", self.predict(data)

    def path(self, data: Encoded, t: float) -> NDArray[np.float64]:
        """Predictions with all that the columns say scaled by t: the class shares at 0, the model at 1."""
        said = sum(self._fitted.by_source(data).values(), np.zeros((data.rows, len(self.start))))
        return posterior(said, t * self.volume, self.start)

    def path_gradient(
        self, data: Encoded, target: NDArray[np.generic], t: float, weight: NDArray[np.float64] | None = None
    ) -> dict[str, float]:
        """Derivative by t of the (weighted) mean loss along `path`, split by column, in bits.

        dL/dt = mean over rows of sum over classes k of dL/dz_k * volume * what the column says of k.
        """
        said = self._fitted.by_source(data)
        total = sum(said.values(), np.zeros((data.rows, len(self.start))))
        sure = softmax(np.log(self.start) + t * self.volume * total)
        own = target.astype(np.intp)[:, None]
        hit = np.take_along_axis(sure, own, axis=1)
        # The share of the class's chance that the columns can still move: the rest is the doubt.
        moved = (1 - DOUBT_SHARE) * hit / ((1 - DOUBT_SHARE) * hit + DOUBT_SHARE * self.start[own])
        slope = sure.copy()
        np.put_along_axis(slope, own, hit - 1.0, axis=1)
        share = np.full(data.rows, 1.0 / data.rows) if weight is None else weight / weight.sum()
        slope *= BITS_PER_NAT * self.volume * moved * share[:, None]
        return {source: float((slope * nats).sum()) for source, nats in said.items()}

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        data, arrays = self._fitted.state()
        return {**data, "volume": self.volume, "told": self.told}, {**arrays, "start": self.start}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = cls()
        model.likelihoods = Likelihoods.from_state(data, arrays)
        model.start, model.volume, model.told = np.asarray(arrays["start"]), float(data["volume"]), str(data["told"])
        return model

    def describe(self) -> str:
        """The words that speak loudest for each class; without a text, the columns that say most."""
        return self.told

    @property
    def _fitted(self) -> Likelihoods:
        assert self.likelihoods is not None, "the model was not fitted"  # noqa: S101
        return self.likelihoods

    def _told(self, rows: Rows) -> str:
        data, names = rows.data, rows.class_names or tuple(f"class {k}" for k in range(len(self.start)))
        parts = []
        if data.bags and data.bag_terms:
            for k in np.argsort(-self.start)[:3]:
                words = telling_words(self._fitted.terms[0], int(k), self.start, data.bag_terms[0])
                parts.append(f"{names[k]}: {', '.join(words)}")
        else:
            own = rows.target.astype(np.intp)
            gains = {
                source: float(np.mean(nats[np.arange(rows.size), own] - nats @ self.start))
                for source, nats in self._fitted.by_source(data).items()
            }
            parts.append("loudest: " + ", ".join(sorted(gains, key=lambda s: -gains[s])[:4]))
        text = f"volume {self.volume:.2g}; {'; '.join(parts)}"
        return text if len(text) <= 120 else text[:117] + "..."


def posterior(said: NDArray[np.float64], volume: float, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Class chances (rows, classes) after what was said (nats), at this volume, with a trace of doubt.

    Example:
        >>> posterior(np.array([[np.log(3.0), 0.0]]), 1.0, np.array([0.5, 0.5])).round(4).tolist()
        [[0.75, 0.25]]
    """
    return np.asarray((1 - DOUBT_SHARE) * softmax(np.log(start) + volume * said) + DOUBT_SHARE * start)


def telling_words(log_shares: NDArray[np.float64], own: int, start: NDArray[np.float64], terms: tuple[str, ...]) -> list[str]:
    """The terms that tell a class from the others: largest p(term | class) * ln(p(term | class) / p(term | others)), no word twice.

    Args:
        log_shares: Of the terms (terms, classes).
        own: The class.
        start: Shares of the classes.
        terms: Names of the terms.
    """
    others = np.delete(np.arange(len(start)), own)
    rest = np.log(np.exp(log_shares[:, others]) @ (start[others] / start[others].sum()))
    weight = np.exp(log_shares[:, own]) * (log_shares[:, own] - rest)
    shown: list[str] = []
    for term in (terms[i] for i in np.argsort(-weight, kind="stable")[: 8 * SHOWN_WORDS]):
        # "of the" after "of" tells a person nothing more
        if not any(set(term.split()) & set(other.split()) for other in shown):
            shown.append(term)
    return shown[:SHOWN_WORDS]


def _readings(data: Encoded) -> list[Reading]:
    words = [(kind, smoothing) for kind in ("presence", "tf-idf") for smoothing in SMOOTHINGS] if data.bags else [("tf-idf", 1.0)]
    numbers = ("bells", "tenths") if data.numbers.shape[1] else ("bells",)
    return [Reading(kind, smoothing, number) for kind, smoothing in words for number in numbers]


def _chosen(train: Rows, valid: Rows, loss: Loss, classes: int) -> tuple[Reading, float, NDArray[np.float64]]:
    """The reading and the volume with the lowest loss on rows not learned from, and the validation rows' predictions by them."""
    both, fold_of = train.followed_by(valid), folds_of(train, valid)
    asked = np.flatnonzero(fold_of >= 0)
    target, weight = both.take_targets(asked)
    best: tuple[float, Reading, float, NDArray[np.float64]] | None = None
    for reading in _readings(both.data):
        said, start = np.zeros((both.size, classes)), np.ones((both.size, classes))
        for kept, here in each_fold(fold_of):
            rows = both.take(kept)
            start[here] = loss.best_constant(rows.target, rows.weight, classes=classes)
            for nats in Likelihoods.fit(rows, classes, reading).by_source(both.data.take(here)).values():
                said[here] += nats
        volume, now = _best_volume(said[asked], start[asked], target, weight, loss)
        if best is None or now < best[0]:
            best = now, reading, volume, posterior(said, volume, start)[train.size :]
    assert best is not None  # noqa: S101
    return best[1:]


def _best_volume(
    said: NDArray[np.float64], start: NDArray[np.float64], target: NDArray[Any], weight: NDArray[np.float64] | None, loss: Loss
) -> tuple[float, float]:
    """The volume with the lowest loss, and that loss; convex in the volume, up to the doubt."""
    from scipy.optimize import minimize_scalar

    def at(log_volume: float) -> float:
        return loss.mean(target, posterior(said, float(np.exp(log_volume)), start), weight)

    found = minimize_scalar(at, bounds=(np.log(FAINTEST), np.log(LOUDEST)), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x)), float(found.fun)
