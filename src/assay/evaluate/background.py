"""Which training rows stand in for a column that is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.evaluate.row_sample import representative

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.evaluate.coalition import Predict
    from assay.model.contract import Rows
    from assay.model.encoding import Encoded

POOL_ROWS = 4096
DRAWS = 64


def choose_background(predict: Predict, train: Rows, n_rows: int, seed: int, pool_rows: int = POOL_ROWS) -> Encoded:
    """`n_rows` training rows over which the model's mean prediction is near its mean over all of them.

    With few rows the mean prediction strays, and that would be booked to nobody: so several systematic samples along the
    widest direction of the predictions are drawn, and the one with the nearest mean is taken. Rows count by their weight.

    Args:
        predict: The model.
        train: What is drawn from.
        n_rows: How many.
        seed: Of the draws.
        pool_rows: At most so many rows, drawn at random, stand for all of them.

    Returns:
        All training rows where there are no more than `n_rows`.
    """
    rng = np.random.default_rng(seed)
    total = train.data.rows
    if total <= n_rows and train.weight is None:
        return train.data
    if train.weight is not None:
        pool = rng.choice(total, size=pool_rows, p=train.weight / train.weight.sum())
    else:
        pool = rng.choice(total, size=min(total, pool_rows), replace=False)
    data = train.data.take(pool)
    prediction = predict(data).reshape(len(pool), -1)
    along = _widest(prediction - prediction.mean(axis=0))
    draws = [representative(along, n_rows, int(rng.integers(2**31))) for _ in range(DRAWS)]
    strays = [float(np.square(prediction[rows].mean(axis=0) - prediction.mean(axis=0)).sum()) for rows in draws]
    return data.take(draws[int(np.argmin(strays))])


def _widest(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    if centred.shape[1] == 1:
        return centred[:, 0]
    _, directions = np.linalg.eigh(centred.T @ centred)
    along: NDArray[np.float64] = centred @ directions[:, -1]
    return along
