"""The registry: every family of models by the name that --model takes, and the ladder of those trained where none is named."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping

from assay.core.errors import ExtraMissing
from assay.model.contract import Model
from assay.model.family import FAMILIES, family, refuse_unfit

__all__ = ["MODELS", "family", "ladder_names", "model_class", "refuse_unfit"]

_BY_NAME = {one.name: one for one in FAMILIES}


class _Classes(Mapping[str, type[Model]]):
    """Name -> class, the simplest first; the class is imported on first use."""

    def __getitem__(self, name: str) -> type[Model]:
        place = _BY_NAME[name]
        try:
            found: type[Model] = getattr(importlib.import_module(place.module), place.class_name)
        except ModuleNotFoundError as problem:
            if problem.name == "torch":
                raise ExtraMissing(f"model {name!r}", "torch") from problem
            raise
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_BY_NAME)

    def __len__(self) -> int:
        return len(_BY_NAME)


MODELS: Mapping[str, type[Model]] = _Classes()


def model_class(name: str) -> type[Model]:
    """The model of that name.

    Raises:
        OptionError: there is none; the nearest names are offered.
        ExtraMissing: it needs torch, which is not installed.

    Example:
        >>> model_class("constant").complexity
        0
    """
    return MODELS[family(name).name]


def ladder_names(
    torch_available: bool | None = None, text: bool = False, task: str = "classification", *, images: bool = False
) -> tuple[str, ...]:
    """The rungs that are trained where no model is named, the simplest first.

    Args:
        torch_available: Whether neural models can be trained; looked up when None, without importing torch.
        text: Whether the table has a text column, which brings in more families.
        task: "classification" or "regression"; families for the other one are left out.
        images: Whether the table has images, which brings in more families.

    Example:
        >>> ladder_names(torch_available=False)
        ('constant', 'one-rule', 'linear', 'boosting')
        >>> ladder_names(torch_available=False, text=True)
        ('constant', 'one-rule', 'naive-bayes', 'linear', 'boosting')
    """
    if torch_available is None:
        torch_available = importlib.util.find_spec("torch") is not None
    rungs = (one for one in FAMILIES if (one.on_text_ladder if text else one.on_ladder) or (images and one.on_image_ladder))
    return tuple(one.name for one in rungs if (torch_available or not one.needs_torch) and task in one.tasks)
