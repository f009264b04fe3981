"""The input of networks that look at images: bytes as they are, and a table's other columns beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from assay.core.errors import OptionError
from assay.model.network_input import NetworkInput
from assay.model.table_input import TableInput, TableTensors

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from assay.model.contract import Rows
    from assay.model.encoded import Encoded
    from assay.model.picture import Pictures

BLOCK_ROWS = 1024


class ImageTensors(NamedTuple):
    """Encoded rows as tensors: a table's, and of each image its values as stored and which rows have it."""

    table: TableTensors
    pixels: tuple[Tensor, ...]
    present: tuple[Tensor, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.table.rows

    @property
    def numbers(self) -> Tensor:
        """The number inputs beside the images, (rows, numbers)."""
        return self.table.numbers

    def take(self, rows: Tensor) -> ImageTensors:
        """These rows (positions), in this order."""
        return ImageTensors(self.table.take(rows), tuple(p[rows] for p in self.pixels), tuple(p[rows] for p in self.present))

    def tensors(self) -> tuple[Tensor, ...]:
        """All that it holds."""
        return (*self.table.tensors(), *self.pixels, *self.present)


@dataclass(frozen=True)
class ImageScale:
    """One image of the rows, and its values over the training rows.

    Attributes:
        name: Of the image.
        height, width, channels: Of the image.
        mean, spread: Of each channel.
    """

    name: str
    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    spread: tuple[float, ...]


@dataclass(frozen=True)
class ImageInput(NetworkInput):
    """How images, and the other columns of a table, are fed.

    Attributes:
        table: Of the columns that are no images.
        images: One an image.
    """

    table: TableInput
    images: tuple[ImageScale, ...]

    @classmethod
    def fit(cls, train: Rows, shape: Any) -> Self:
        """Take mean and spread of each channel from the training rows.

        Raises:
            OptionError: the rows have no image.
        """
        if not train.data.images:
            raise OptionError(
                "the rows hold 0 images, which are all that a cnn looks at; give a folder of images, an array (rows, height, width) or a "
                "column of image files, or take another --model such as mlp"
            )
        return cls(TableInput.fit(replace(train, data=beside_images(train.data)), shape), tuple(_scale(p) for p in train.data.images))

    @property
    def number_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the number columns beside the images."""
        return self.table.number_names

    def read(self, data: Encoded, dtype: torch.dtype) -> ImageTensors:
        import torch

        pixels = tuple(torch.as_tensor(np.ascontiguousarray(image.pixels)) for image in data.images)
        present = tuple(torch.as_tensor(~image.missing) for image in data.images)
        return ImageTensors(self.table.read(beside_images(data), dtype), pixels, present)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        told, arrays = self.table.state()
        images = [{"name": i.name, "shape": [i.height, i.width, i.channels]} for i in self.images]
        scales = {f"image.{n}": np.array([i.mean, i.spread]) for n, i in enumerate(self.images)}
        return {**told, "images": images}, {**arrays, **scales}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        images = []
        for n, one in enumerate(data["images"]):
            mean, spread = (tuple(float(v) for v in row) for row in arrays[f"image.{n}"])
            height, width, channels = (int(v) for v in one["shape"])
            images.append(ImageScale(str(one["name"]), height, width, channels, mean, spread))
        return cls(TableInput.from_state(data, arrays), tuple(images))


def beside_images(data: Encoded) -> Encoded:
    """The rows without their images, and without the numbers that tell of these."""
    told = {place for image in data.images for place in image.number_places}
    kept = [i for i in range(len(data.number_names)) if i not in told]
    names, sources = (tuple(one[i] for i in kept) for one in (data.number_names, data.number_sources))
    return replace(data, numbers=data.numbers[:, kept], number_names=names, number_sources=sources, images=())


def _scale(image: Pictures) -> ImageScale:
    """Mean and spread of each channel over the rows that have the image."""
    height, width, channels = image.shape
    total, squares, n = np.zeros(channels), np.zeros(channels), 0
    there = np.flatnonzero(~image.missing)
    for start in range(0, len(there), BLOCK_ROWS):
        block = image.take(there[start : start + BLOCK_ROWS]).pixels.reshape(-1, channels).astype(np.float64)
        known = np.isfinite(block).all(axis=1)
        total, squares, n = total + block[known].sum(axis=0), squares + np.square(block[known]).sum(axis=0), n + int(known.sum())
    mean = total / max(n, 1)
    spread = np.sqrt(np.maximum(squares / max(n, 1) - mean**2, 0.0))
    return ImageScale(image.name, height, width, channels, tuple(mean.tolist()), tuple(np.where(spread > 1e-9, spread, 1.0).tolist()))
