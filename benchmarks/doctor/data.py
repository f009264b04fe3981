"""Small real data sets as tensors, each loaded once: images, tables, texts and series that a training of a second can learn from."""

from __future__ import annotations

import functools
import gzip
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
MNIST_MEAN, MNIST_STD = 0.1307, 0.3081


@dataclass(frozen=True, slots=True)
class Rows:
    """Training and validation rows of one task.

    Attributes:
        kind: "classes", "binary", "numbers" or "tokens".
        outputs: Classes, or numbers a row, or the size of the vocabulary of tokens.
    """

    x: Tensor
    y: Tensor
    x_valid: Tensor
    y_valid: Tensor
    kind: str
    outputs: int

    def fewer(self, n_rows: int) -> Rows:
        """The same task with this many training rows."""
        return replace(self, x=self.x[:n_rows], y=self.y[:n_rows])

    def shaped(self, *axes: int) -> Rows:
        """Inputs brought into this shape after the batch axis."""
        return replace(self, x=self.x.reshape(-1, *axes), x_valid=self.x_valid.reshape(-1, *axes))


def _parted(x: Any, y: Any, n_valid: int, kind: str, outputs: int, *, whole: bool = False) -> Rows:
    """Rows in a random order, the last ones for validation; whole: targets are class numbers or tokens."""
    order = np.random.default_rng(0).permutation(len(x))
    numbers = torch.as_tensor(np.asarray(x)[order])
    targets = torch.as_tensor(np.asarray(y)[order])
    numbers = numbers if numbers.dtype == torch.int64 else numbers.float()
    targets = targets.long() if whole else targets.float()
    return Rows(numbers[:-n_valid], targets[:-n_valid], numbers[-n_valid:], targets[-n_valid:], kind, outputs)


@functools.cache
def digits(*, raw: bool = False) -> Rows:
    """scikit-learn's 8 x 8 digits, 64 numbers: over one mean and spread, or raw from 0 to 16."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return _parted(x if raw else (x - x.mean()) / x.std(), y, 500, "classes", 10, whole=True)


@functools.cache
def even_digits() -> Rows:
    """Is the digit even? One output."""
    rows = digits()
    return replace(rows, y=(rows.y % 2 == 0).float()[:, None], y_valid=(rows.y_valid % 2 == 0).float()[:, None], kind="binary", outputs=1)


@functools.cache
def ink() -> Rows:
    """Where the ink of a digit lies: the row of its centre, over the spread; one number."""
    rows = digits(raw=True)

    def centre(x: Tensor) -> Tensor:
        mass = x.reshape(-1, 8, 8).sum(2)
        return (mass * torch.arange(8.0)).sum(1) / mass.sum(1)

    y, y_valid = centre(rows.x), centre(rows.x_valid)
    mean, std = y.mean(), y.std()
    base = digits()
    return Rows(base.x, ((y - mean) / std)[:, None], base.x_valid, ((y_valid - mean) / std)[:, None], "numbers", 1)


@functools.cache
def mnist(n_rows: int = 2000, *, raw: bool = False, small: bool = False) -> Rows:
    """MNIST images (1, 28, 28), or averaged to (1, 14, 14): normalised, or raw from 0 to 255."""
    with np.load(SHARED / "mnist" / "mnist.npz", allow_pickle=False) as arrays:
        x, y = arrays["x_train"][: n_rows + 600].astype(np.float32), arrays["y_train"][: n_rows + 600]
    if small:
        x = x.reshape(-1, 14, 2, 14, 2).mean((2, 4))
    return _parted((x if raw else (x / 255 - MNIST_MEAN) / MNIST_STD)[:, None], y, 600, "classes", 10, whole=True)


@functools.cache
def cancer() -> Rows:
    """Breast cancer, 30 standardised numbers, one binary output."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return _parted((x - x.mean(0)) / x.std(0), y[:, None], 150, "binary", 1)


@functools.cache
def cancer_raw() -> Rows:
    """Breast cancer with its numbers as measured: some in hundredths, some in thousands."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return _parted(x, y[:, None], 150, "binary", 1)


@functools.cache
def housing_frame() -> pl.DataFrame:
    """California housing as in its file, some bedrooms missing."""
    return pl.read_csv(SHARED / "california_housing" / "housing.csv.gz").drop("ocean_proximity")


@functools.cache
def housing(*, raw: bool = False, missing: bool = False, by_place: bool = False) -> Rows:
    """California housing: 8 numbers, value in spreads from the mean; raw, with the missing left in, or in the order of the file."""
    frame = housing_frame() if missing else housing_frame().drop_nulls()
    table = frame.to_numpy().astype(np.float64)
    table = table[:4000] if by_place else table[np.random.default_rng(1).permutation(len(table))[:4000]]
    x, y = table[:, :-1], table[:, -1:]
    spread = np.nanstd(x, axis=0)
    x = x if raw else (x - np.nanmean(x, axis=0)) / spread
    y = (y - y.mean()) / y.std()
    if not by_place:
        return _parted(x, y, 1000, "numbers", 1)
    held = np.arange(len(x)) % 4 == 0
    parts = [torch.as_tensor(part).float() for part in (x[~held], y[~held], x[held], y[held])]
    return Rows(*parts, kind="numbers", outputs=1)


@functools.cache
def bike() -> Rows:
    """Bike rentals an hour, 8 features standardised, counts as they are (mean 190): rows in the order of time."""
    frame = pl.read_csv(SHARED / "bike_sharing" / "bike_sharing_hourly_kaggle_train.csv.gz")
    hour = frame["datetime"].str.slice(11, 2).cast(pl.Int64).to_numpy()
    plain = frame.select("season", "workingday", "weather", "temp", "humidity", "windspeed").to_numpy().astype(np.float64)
    x = np.column_stack([plain, np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12)])
    x = (x - x.mean(0)) / x.std(0)
    y = frame["count"].to_numpy()[:, None].astype(np.float64)
    held = np.arange(len(x)) % 5 == 0
    parts = [torch.as_tensor(part).float() for part in (x[~held][:4000], y[~held][:4000], x[held][:1000], y[held][:1000])]
    return Rows(*parts, kind="numbers", outputs=1)


@functools.cache
def mammography() -> Rows:
    """Calcifications: 6 numbers, 1 positive in 43."""
    frame = pl.read_csv(SHARED / "mammography" / "mammography.csv.gz")
    table = frame.to_numpy().astype(np.float64)[np.random.default_rng(0).permutation(frame.height)[:5000]]
    return _parted(table[:, :6], (table[:, 6:] > 0).astype(np.float64), 1000, "binary", 1)


@functools.cache
def sms(vocab: int = 800, tokens: int = 20) -> Rows:
    """Text messages as word numbers, padded with 0 on the left: spam or ham, half of each; 1 is any rarer word."""
    with gzip.open(SHARED / "sms_spam" / "SMSSpamCollection.tsv.gz", "rt", encoding="utf-8") as file:
        pairs = [line.rstrip("\n").split("\t", 1) for line in file]
    spam = [text for label, text in pairs if label == "spam"][:700]
    ham = [text for label, text in pairs if label == "ham"][:700]
    texts = [re.findall(r"[a-z']+|\d+", text.lower()) for text in spam + ham]
    common = Counter(word for text in texts for word in text).most_common(vocab - 2)
    ids = {word: n + 2 for n, (word, _) in enumerate(common)}
    x = np.zeros((len(texts), tokens), dtype=np.int64)
    for row, text in enumerate(texts):
        known = [ids.get(word, 1) for word in text[:tokens]]
        x[row, tokens - len(known) :] = known
    y = np.array([1] * len(spam) + [0] * len(ham))
    return _parted(x, y, 400, "classes", 2, whole=True)


@functools.cache
def shakespeare(block: int = 24, n_rows: int = 1600) -> Rows:
    """Characters of Shakespeare: each row a block and the same block one on."""
    text = (SHARED / "tinyshakespeare" / "input.txt").read_text(encoding="utf-8")[:200_000]
    letters = sorted(set(text))
    ids = np.array([letters.index(c) for c in text])
    starts = np.random.default_rng(0).integers(0, len(ids) - block - 1, n_rows + 300)
    grid = np.stack([ids[s : s + block + 1] for s in starts])
    return _parted(grid[:, :-1], grid[:, 1:], 300, "tokens", len(letters), whole=True)


@functools.cache
def recall(tokens: int = 30, symbols: int = 8) -> Rows:
    """Which symbol came first? One-hot sequences: nothing but memory over all steps solves it."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, symbols, (2400, tokens))
    return _parted(np.eye(symbols)[ids], ids[:, 0], 400, "classes", symbols, whole=True)


@functools.cache
def waves(tokens: int = 20) -> Rows:
    """The next value of a noisy sum of waves, from the 20 before."""
    rng = np.random.default_rng(0)
    t = np.arange(3000)
    series = np.sin(t / 5) + 0.6 * np.sin(t / 13 + 1) + 0.1 * rng.normal(size=len(t))
    windows = np.lib.stride_tricks.sliding_window_view(series, tokens + 1)
    return _parted(windows[:, :-1, None], windows[:, -1:], 500, "numbers", 1)


@functools.cache
def rings() -> Rows:
    """Two classes on rings inside each other: no line parts them."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2000)
    angle, radius = rng.uniform(0, 2 * np.pi, 2000), 1 + y + 0.2 * rng.normal(size=2000)
    return _parted(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), y, 500, "classes", 2, whole=True)
