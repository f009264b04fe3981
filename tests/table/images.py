"""Small image files that the tests of images share."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def picture(seed: int, *, height: int = 6, width: int = 5, channels: int = 1) -> NDArray[np.uint8]:
    """An image of noise, (height, width) or (height, width, 3)."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, pixels: NDArray[np.uint8]) -> None:
    """The image as a file, of the kind that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def folder_of(root: Path, *, classes: tuple[str, ...] = ("cat", "dog"), each: int = 3, **size: int) -> Path:
    """A folder with a sub-folder a class, each with so many PNG files."""
    for place, name in enumerate(classes):
        for i in range(each):
            save(root / name / f"{i}.png", picture(100 * place + i, **size))
    return root
