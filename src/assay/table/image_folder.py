"""A folder of images as a table: a row a file, the sub-folder that it lies in as its class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from assay.core.errors import SourceError
from assay.table.image_column import as_columns
from assay.table.image_file import SUFFIXES, Picture, Size, decode
from assay.table.raw import Raw

if TYPE_CHECKING:
    from assay.table.grid import Grid

FILE, LABEL, IMAGE = "file", "label", "image"
SHOWN = 3


@dataclass(frozen=True)
class _Found:
    """What lies in a folder.

    Attributes:
        flat: Images directly in it.
        classes: Sub-folder with images -> its images.
        empty: Sub-folders without an image.
        deep: Sub-folders that hold sub-folders with images, and no image themselves.
        others: Files that are no images.
    """

    flat: list[Path]
    classes: dict[str, list[Path]]
    empty: list[str]
    deep: list[str]
    others: list[Path]


def is_image_folder(source: object) -> bool:
    """Whether a source is a folder with image files in it or in its sub-folders."""
    if not isinstance(source, str | Path):
        return False
    path = Path(source).expanduser()
    return path.is_dir() and any(_is_image(file) for folder in _near(path) for file in _files(folder))


def folder_target(source: str) -> str:
    """The column to predict of a folder of images: the sub-folder of each.

    Raises:
        SourceError: it has no sub-folders with images, so it says no classes.
    """
    found = _look(Path(source).expanduser())
    if not found.classes and found.deep:
        raise _too_deep(source, found)
    if not found.classes:
        raise SourceError(
            f"{source} holds {len(found.flat):,} images and no sub-folder with images, so nothing tells their classes; put the images of "
            "each class into a sub-folder named after it, or give a table with a column of file names and --target COLUMN"
        )
    return LABEL


def read_image_folder(source: str, *, size: Size | None = None, grids: Mapping[str, Grid] | None = None) -> Raw:
    """The images as rows: their file, their sub-folder as `label` (where there are sub-folders), and their pixels.

    Files that are no images, hidden ones and images beside the class folders are left out with a note.

    Args:
        size: Height and width to resize all images to.
        grids: Of an earlier table, whose channels the images are brought to.

    Raises:
        SourceError: no image, images two folders deep, a damaged file, mixed sizes.
        ExtraMissing: Pillow is not installed.
    """
    root = Path(source).expanduser()
    found = _look(root)
    if found.deep and not found.classes and not found.flat:
        raise _too_deep(source, found)
    files = [file for name in sorted(found.classes) for file in found.classes[name]] if found.classes else found.flat
    if not files:
        raise SourceError(f"{source} holds no image file ({', '.join(s.removeprefix('.') for s in SUFFIXES[:5])} ...); give another folder")
    earlier = (grids or {}).get(IMAGE)
    pixels = decode([Picture(str(f), f) for f in files], size=size, channels=earlier.channels if earlier else None, where=source)
    columns, grid = as_columns(IMAGE, "pixel", pixels.values, is_packed=earlier.is_packed if earlier else None)
    named = [pl.Series(FILE, [f.relative_to(root).as_posix() for f in files])]
    if found.classes:
        named.append(pl.Series(LABEL, [f.parent.name for f in files]))
    return Raw(pl.DataFrame([*named, *columns]), (*_told(found), *pixels.notes), grids={IMAGE: grid}, ids=(FILE,))


def _look(root: Path) -> _Found:
    here = list(_files(root))
    found = _Found([f for f in here if _is_image(f)], {}, [], [], [f for f in here if not _is_image(f)])
    for folder in _folders(root):
        files = list(_files(folder))
        images = [f for f in files if _is_image(f)]
        found.others.extend(f for f in files if not _is_image(f))
        deeper = [f for below in _folders(folder) for f in _files(below) if _is_image(f)]
        if images:
            found.classes[folder.name] = images
            found.others.extend(deeper)
        else:
            (found.deep if deeper else found.empty).append(folder.name)
    return found


def _near(root: Path) -> Iterator[Path]:
    """The folder, its sub-folders and theirs."""
    yield root
    for folder in _folders(root):
        yield folder
        yield from _folders(folder)


def _folders(root: Path) -> list[Path]:
    return sorted(Path(e.path) for e in os.scandir(root) if e.is_dir() and not e.name.startswith((".", "__")))


def _files(root: Path) -> Iterator[Path]:
    return iter(sorted(Path(e.path) for e in os.scandir(root) if e.is_file() and not e.name.startswith(".")))


def _is_image(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def _too_deep(source: str, found: _Found) -> SourceError:
    parts = {"train", "training", "test", "testing", "val", "valid", "validation"}
    train = next((name for name in found.deep if name.lower().startswith("train")), found.deep[0])
    test = next((name for name in found.deep if name.lower() in parts and name != train), None)
    root = source.rstrip("/\\")
    remedy = f"assay train {root}/{train}" + (f" --test {root}/{test}" if test else "")
    return SourceError(
        f"the images of {source} lie two folders deep, in sub-folders of {_listed(found.deep)}; "
        f"give the folder whose sub-folders are the classes, such as: {remedy}"
    )


def _told(found: _Found) -> Iterator[str]:
    if found.classes:
        sizes = [len(found.classes[name]) for name in sorted(found.classes)]
        yield f"{len(sizes)} sub-folders are the classes in the column {LABEL!r}, of {min(sizes):,} to {max(sizes):,} images"
    if found.classes and found.flat:
        yield f"left out {len(found.flat):,} images that lie beside the class folders, such as {found.flat[0].name!r}"
    if found.empty and found.classes:
        yield f"the sub-folder{'s' if len(found.empty) > 1 else ''} {_listed(found.empty)} held no image and made no class"
    if found.deep and (found.classes or found.flat):
        yield f"left out the sub-folder{'s' if len(found.deep) > 1 else ''} {_listed(found.deep)}, whose images lie one folder deeper"
    if found.others:
        yield f"left out {len(found.others):,} files that are no images of a class, such as {found.others[0].name!r}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:SHOWN])) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
