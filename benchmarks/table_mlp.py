"""Tables by the MLP with category embeddings, beside scikit-learn's MLP and its histogram boosting on the same splits, one thread.

Every one of them gets the same training rows, those for stopping included. scikit-learn's MLP has the same hidden layers, reads numbers
standardised and categories one-hot, and stops early; the boosting is the default one with its categories named. Of classes the loss is
bits a row and what is told beside it the accuracy, of values the root of the mean squared error and R2: means over the splits.

Trees fit such tables better than networks, by the comparisons of Grinsztajn, Oyallon and Varoquaux 2022 and of Gorishniy et al. 2021; the
promise is to stay near them, and before the network that one gets without embeddings and bins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measured import Measured

if TYPE_CHECKING:
    from assay.face.job.preparation import Parts

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TABLES = {"california": ("california_housing/housing.csv.gz", "median_house_value"), "adult": ("adult/adult.csv.gz", "income")}
DROPPED = {"adult": ("split",)}
SPLITS = 3
NEAR = 1.08  # times the boosting's loss


def run(quick: bool) -> Iterator[Measured]:
    """Two lines a table: beside scikit-learn's MLP, and beside its boosting."""
    if not SHARED.is_dir():
        yield Measured("MLP on tables", "not measured", f"needs the real data sets at {SHARED}", False)
        return
    from threadpoolctl import threadpool_limits

    for name in ("california",) if quick else TABLES:
        with threadpool_limits(1):
            ours, mlp, boosting = np.mean([_on_split(name, seed) for seed in range(1 if quick else SPLITS)], axis=0)
        for peer, found, most in (("scikit-learn's MLP", mlp, 1.0), ("its boosting", boosting, NEAR)):
            ratio = ours[0] / found[0]
            told = f"{ratio:.3f} ({ours[0]:.4g} of {found[0]:.4g}; {ours[1]:.1%} of {found[1]:.1%}; {ours[2]:.1f} of {found[2]:.1f} CPU s)"
            yield Measured(f"MLP on {name} beside {peer}", told, f"at most {most:g} of the loss", bool(ratio <= most))


def _on_split(name: str, seed: int) -> list[list[float]]:
    """Loss, accuracy or R2, and processor seconds of the three."""
    from assay.face import job
    from assay.face.job.preparation import prepare, read_source

    file, target = TABLES[name]
    settings = job.Settings(source=str(SHARED / file), target=target, drop=DROPPED.get(name, ()), seed=seed)
    parts = prepare(read_source(str(SHARED / file), settings), settings)
    makers: tuple[Callable[[Parts, Any], Any], ...] = (_assay, _sklearn_mlp, _sklearn_boosting)
    found = []
    for make in makers:
        started = time.process_time()
        prediction = make(parts, settings)
        seconds = time.process_time() - started
        found.append([*_judged(parts, prediction), seconds])
    return found


def _judged(parts: Parts, prediction: Any) -> tuple[float, float]:
    test = parts.target.values[parts.split.test]
    loss = parts.loss.mean(test, prediction)
    if parts.classes:
        return loss, float(np.mean(prediction.argmax(axis=1) == test))
    return loss**0.5, 1.0 - loss / float(np.var(test))


def _assay(parts: Parts, settings: Any) -> Any:
    from assay.face.job.rungs import train_one
    from assay.face.progress import Silent

    return train_one("mlp", parts, settings, None, Silent()).predict(parts.rows(parts.split.test).data)


def _sklearn_mlp(parts: Parts, settings: Any) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    train, test = parts.split.train, parts.split.test
    numbers, codes = parts.encoded.numbers, parts.encoded.codes
    scaler = make_pipeline(SimpleImputer(), StandardScaler()).fit(numbers[train])
    hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(codes[train])
    matrix = np.hstack([scaler.transform(numbers), hot.transform(codes)]).astype(np.float32)
    target = parts.target.values
    family = MLPClassifier if parts.classes else MLPRegressor
    peer = family(hidden_layer_sizes=(128, 64), early_stopping=True, random_state=settings.seed)
    if parts.classes:
        return peer.fit(matrix[train], target[train]).predict_proba(matrix[test])
    centre, spread = target[train].mean(), target[train].std()
    return centre + spread * peer.fit(matrix[train], (target[train] - centre) / spread).predict(matrix[test])


def _sklearn_boosting(parts: Parts, settings: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    train, test = parts.split.train, parts.split.test
    codes = parts.encoded.codes
    matrix = np.column_stack([codes.astype(float), parts.encoded.numbers])
    family = HistGradientBoostingClassifier if parts.classes else HistGradientBoostingRegressor
    categories = np.arange(matrix.shape[1]) < codes.shape[1]
    peer = family(categorical_features=categories, random_state=settings.seed).fit(matrix[train], parts.target.values[train])
    return peer.predict_proba(matrix[test]) if parts.classes else peer.predict(matrix[test])
