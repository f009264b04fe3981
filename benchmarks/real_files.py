"""Real files end to end: the recommended model against scikit-learn's default histogram boosting on the same split.

The peer gets the same training rows (those for stopping included) and the same encoded numbers and categories. Text, which it
cannot read, it goes without; where there is nothing else it gets the weights of the 300 commonest terms of each text column.
The promise: no worse, beyond two standard errors of the paired difference.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measured import Measured

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TABLES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "adult": ("adult/adult.csv.gz", "income", ("split",)),
    "telco": ("telco_churn/Telco-Customer-Churn.csv.gz", "Churn", ()),
    "german": ("german_credit/german_credit.csv", "class", ()),
    "mammography": ("mammography/mammography.csv.gz", "class", ()),
    "california": ("california_housing/housing.csv.gz", "median_house_value", ()),
    "titanic": ("titanic/titanic_openML.csv", "survived", ("boat", "body")),
    "bank": ("bank_marketing/bank-additional-full.csv.gz", "y", ("duration",)),
    "bike": ("bike_sharing/bike_sharing_hourly_kaggle_train.csv.gz", "count", ("casual", "registered")),
    "enron": ("enron1_dated/enron1_dated.csv.gz", "label", ("date", "owner", "message_id", "file")),
    "mnist": ("mnist/mnist.npz", "y", ()),
}
QUICK = ("german", "titanic")
MNIST_ROWS = 5000
PEER_TERMS = 300


def run(quick: bool) -> Iterator[Measured]:
    """One line a table: the ratio of losses, and whether it is no worse."""
    if not SHARED.is_dir():
        yield Measured("real files", "not measured", f"needs the real data sets at {SHARED}", False)
        return
    for name in QUICK if quick else TABLES:
        yield _against_peer(name, *TABLES[name])


def _against_peer(name: str, file: str, target: str, drop: tuple[str, ...]) -> Measured:
    from assay.face import job
    from assay.face.job.preparation import prepare, read_source
    from assay.face.run import Run
    from assay.table import read

    source = read(str(SHARED / file))
    if name == "mnist":
        source = source.take(np.arange(MNIST_ROWS))
    settings = job.Settings(source=name, target=target, drop=drop)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        finished = Run(job.run(source, settings, out=Path(folder) / name))
        seconds = time.monotonic() - started
        parts = prepare(read_source(source, settings), settings)
        mine = _per_row(parts, _prediction(finished, parts))
        started = time.monotonic()
        peer = _per_row(parts, _default_boosting(parts))
        peer_seconds = time.monotonic() - started
        share = finished.view.seconds.get("ledger", 0.0) / seconds
    gap = mine - peer
    se = float(np.std(gap) / np.sqrt(len(gap)))
    figure = (
        f"{finished.view.recommended}: loss {mine.mean():.4g} against {peer.mean():.4g}, ratio {mine.mean() / peer.mean():.3f}, "
        f"difference {gap.mean():+.4g} +- {se:.2g} SE; {seconds:.0f} s with ledger ({share:.0%}) and report, "
        f"the peer alone {peer_seconds:.1f} s"
    )
    return Measured(f"real files: {name}", figure, "no worse than default HistGradientBoosting, beyond 2 SE", float(gap.mean()) <= 2 * se)


def _prediction(finished, parts):
    frame = finished.predict(parts.table.take(parts.split.test))
    if parts.classes:
        return frame.select([c for c in frame.columns if c.startswith("p_")]).to_numpy()
    return frame["prediction"].to_numpy()


def _per_row(parts, prediction):
    return parts.loss.per_row(parts.target.values[parts.split.test], prediction)


def _commonest(bag, train):
    counts = np.asarray((bag[train] > 0).sum(axis=0)).ravel()
    return bag[:, np.sort(np.argsort(-counts)[:PEER_TERMS])].toarray()


def _default_boosting(parts):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    encoded = parts.encoded
    narrow = np.flatnonzero(np.asarray(encoded.code_sizes) <= 255)
    matrix = np.column_stack([encoded.codes[:, narrow].astype(float), encoded.numbers])
    if matrix.shape[1] == 0:
        matrix = np.column_stack([_commonest(bag, parts.split.train) for bag in encoded.bags])
    categories = np.arange(matrix.shape[1]) < len(narrow)
    family = HistGradientBoostingClassifier if parts.classes else HistGradientBoostingRegressor
    peer = family(categorical_features=categories, random_state=0)
    peer.fit(matrix[parts.split.train], parts.target.values[parts.split.train])
    return peer.predict_proba(matrix[parts.split.test]) if parts.classes else peer.predict(matrix[parts.split.test])
