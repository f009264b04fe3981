"""Evidence about the images of a table: their size, what repeats or never varies, and a few of them to look at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageExample:
    """One image to look at.

    Attributes:
        label: Its class, "" where there is none.
        row: Where it stands in the table (1-based data row); 0 for the mean image.
        pixels: The values as base64, one byte each, in the order row, column, channel; of `ImageEvidence.shown` size.
    """

    label: str
    row: int
    pixels: str


@dataclass(frozen=True, slots=True)
class ImageEvidence:
    """What the images of one grid look like.

    Attributes:
        name: Of the image in the table.
        columns: How many columns of the table it is: one a pixel value, or 1.
        first: The first of them.
        height, width, channels: Of each image.
        rows: Rows of the table.
        missing: Rows without an image.
        distinct: Different images.
        plain: Images of a single colour.
        constant: Pixel values that are the same in every image.
        shown: Height, width and channels of the examples.
        examples: The mean image first, then a few of each class.
    """

    name: str
    columns: int
    first: str
    height: int
    width: int
    channels: int
    rows: int
    missing: int = 0
    distinct: int = 0
    plain: int = 0
    constant: int = 0
    shown: tuple[int, ...] = ()
    examples: tuple[ImageExample, ...] = ()
