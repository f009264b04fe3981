"""Image files as arrays of bytes: one size and one number of channels over all of them, or an error that names the odd one."""

from __future__ import annotations

import io
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import ExtraMissing, OptionError, SourceError
from assay.table.columnar import first_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm")
MOST_BYTES = 1 << 31
MOST_THREADS = 4
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # of EXIF: these swap height and width
GREY_MODES = ("1", "L", "LA", "La")
DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")  # 16 bits a pixel
CLEAR_MODES = ("LA", "La", "RGBA", "RGBa", "PA")

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that is not decoded yet.

    Attributes:
        name: For people: a path, or where the bytes stood.
        content: The path, or the encoded bytes.
    """

    name: str
    content: Path | bytes


@dataclass(frozen=True, slots=True)
class _Header:
    height: int
    width: int
    is_grey: bool
    is_deep: bool
    is_clear: bool


@dataclass(frozen=True, slots=True)
class Pixels:
    """Decoded images.

    Attributes:
        values: Uint8 (rows, height, width, channels); 0 in rows without an image.
        notes: What was changed on reading, one sentence each.
    """

    values: NDArray[np.uint8]
    notes: tuple[str, ...]


def parsed_size(text: str) -> Size:
    """Height and width of "64x48", or of "64" for a square.

    Raises:
        OptionError: something else.

    Example:
        >>> parsed_size("64x48"), parsed_size("32")
        ((64, 48), (32, 32))
    """
    parts = text.lower().replace("×", "x").split("x")
    sides = [int(p) for p in parts if p.strip().isdecimal()]
    if len(sides) != len(parts) or len(parts) > 2 or not all(0 < s <= 4096 for s in sides):
        raise OptionError(f"--image-size {text!r} is no size; give height and width in pixels such as 64x64, each from 1 to 4096")
    return sides[0], sides[-1]


def decode(pictures: Sequence[Picture | None], *, size: Size | None = None, channels: int | None = None, where: str = "") -> Pixels:
    """The images as one array of bytes; None stands for a missing image.

    Grey if all are grey, else colour; 16 bits a pixel become 8, the transparent becomes white, photographs are turned upright.
    All files' heads are read first, so that an odd size is told before anything is decoded. At most 2 GiB of pixels are held.

    Args:
        size: Height and width to resize all to (proportions are not kept); None takes them as they are.
        channels: 1 or 3, as an earlier table has; None decides by the files.
        where: The source, for errors.

    Raises:
        SourceError: a file is damaged or no image; sizes differ; more than 2 GiB.
        ExtraMissing: Pillow is not installed.
    """
    if find_spec("PIL") is None:
        raise ExtraMissing(f"reading the images of {where}", "images")
    with ThreadPoolExecutor(max_workers=min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        heads = list(pool.map(lambda p: None if p is None else _header(p), pictures))
        known = [(p, h) for p, h in zip(pictures, heads, strict=True) if p is not None and h is not None]
        if not known:
            raise SourceError(f"{where} has 0 images; give at least one")
        height, width = size or _one_size(known, where)
        wanted = channels or (1 if all(h.is_grey for _, h in known) else 3)
        _refuse_large(len(pictures), height, width, wanted, where)
        values = np.zeros((len(pictures), height, width, wanted), dtype=np.uint8)

        def fill(place: int) -> None:
            picture = pictures[place]
            if picture is not None:
                values[place] = _decoded(picture, (height, width), wanted)

        for _ in pool.map(fill, range(len(pictures))):
            pass
    return Pixels(values, _notes([h for _, h in known], (height, width), wanted))


@contextmanager
def _opened(picture: Picture) -> Iterator[Any]:
    from PIL import Image, UnidentifiedImageError

    stream = io.BytesIO(picture.content) if isinstance(picture.content, bytes) else picture.content
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities of a file's notes; what matters ends in an error
            with Image.open(stream) as image:
                yield image
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, Image.DecompressionBombError) as problem:
        told = "it is no image of a known kind" if isinstance(problem, UnidentifiedImageError) else first_line(problem)
        raise SourceError(f"{picture.name} cannot be read as an image ({told}); mend it or take it out") from problem


def _header(picture: Picture) -> _Header:
    with _opened(picture) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION) in TURNED:
            width, height = height, width
        is_deep, mode = image.mode in DEEP_MODES, image.mode
        if mode == "F":
            raise SourceError(f"{picture.name} holds fractions instead of 8 or 16 bits a pixel; save it as PNG")
        is_grey = mode in GREY_MODES or is_deep or (mode == "P" and _has_grey_palette(image))
        return _Header(height, width, is_grey, is_deep, mode in CLEAR_MODES or "transparency" in image.info)


def _has_grey_palette(image: Any) -> bool:
    palette = np.asarray(image.getpalette("RGB") or (), dtype=np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _one_size(known: Sequence[tuple[Picture, _Header]], where: str) -> Size:
    counts = Counter((h.height, h.width) for _, h in known)
    (height, width), _ = counts.most_common(1)[0]
    if len(counts) > 1:
        first = next(p.name for p, h in known if (h.height, h.width) == (height, width))
        other, odd = next((p.name, h) for p, h in known if (h.height, h.width) != (height, width))
        rows = sum(n for s, n in counts.items() if s != (height, width))
        raise SourceError(
            f"the images of {where} have {len(counts)} sizes: {first} is {height}x{width}, {other} is {odd.height}x{odd.width} "
            f"(height x width; {rows:,} of {len(known):,} differ from the first); resize all on reading with --image-size {height}x{width}"
        )
    return height, width


def _refuse_large(n: int, height: int, width: int, channels: int, where: str) -> None:
    needed = n * height * width * channels
    if needed > MOST_BYTES:
        shrink = (MOST_BYTES / needed) ** 0.5
        fits = f"{max(1, int(height * shrink))}x{max(1, int(width * shrink))}"
        raise SourceError(
            f"the {n:,} images of {where} ({height}x{width}, {channels} channels) take {needed / 2**30:.1f} GiB as pixels, at most "
            f"{MOST_BYTES / 2**30:.0f} GiB are held; shrink them on reading with --image-size {fits} or less"
        )


def _decoded(picture: Picture, size: Size, channels: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    height, width = size
    with _opened(picture) as image:
        image.draft("L" if channels == 1 else "RGB", (width, height))  # a JPEG is decoded no larger than needed
        made = ImageOps.exif_transpose(image)
        if made.mode in DEEP_MODES:
            deep = np.asarray(made).astype(np.int64)
            made = Image.fromarray(np.clip(deep >> 8, 0, 255).astype(np.uint8))
        elif made.mode in CLEAR_MODES or "transparency" in made.info:
            clear = made.convert("RGBA")
            made = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
        made = made.convert("L" if channels == 1 else "RGB")
        if made.size != (width, height):
            made = made.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(made, dtype=np.uint8).reshape(height, width, channels)


def _notes(heads: Sequence[_Header], size: Size, channels: int) -> tuple[str, ...]:
    n, resized = len(heads), sum((h.height, h.width) != size for h in heads)
    grey, deep, clear = (sum(flags) for flags in zip(*((h.is_grey, h.is_deep, h.is_clear) for h in heads), strict=True))
    found = [f"{n:,} images of {size[0]}x{size[1]} pixels, {'grey' if channels == 1 else 'in colour'}"]
    found += [f"{resized:,} of {n:,} images were resized, without keeping their proportions"] if resized else []
    found += [f"{grey:,} of {n:,} images are grey and were read as colour, as the others are"] if channels == 3 and grey else []
    found += [f"{n - grey:,} of {n:,} images are in colour and were read as grey"] if channels == 1 and grey < n else []
    found += [f"{deep:,} images of 16 bits a pixel were read with 8"] if deep else []
    found += [f"{clear:,} images have transparent parts, which were read as white"] if clear else []
    return tuple(found)
