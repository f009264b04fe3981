"""The registry: every family of models by the name that --model takes, and the ladder of those trained where none is named."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping

from assay.core.errors import ExtraMissing, OptionError, nearest
from assay.model.contract import Model
from assay.model.family import FAMILIES, Family

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


def family(name: str) -> Family:
    """What is known of the family of that name, without importing it.

    Raises:
        OptionError: there is none; the nearest names are offered.

    Example:
        >>> family("mlp").needs_torch
        True
    """
    if name not in _BY_NAME:
        raise OptionError(f"no model {name!r}; {nearest(name, _BY_NAME)}")
    return _BY_NAME[name]


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


def refuse_unfit(name: str, task: str) -> None:
    """Refuse a family that does not do this task, and name those that do.

    Raises:
        OptionError: the family is for the other task.

    Example:
        >>> refuse_unfit("linear", "regression")
    """
    asked = family(name)
    if task not in asked.tasks:
        able = [one.name for one in FAMILIES if task in one.tasks and one.name != "constant"]
        raise OptionError(f"model {name!r} is for {', '.join(asked.tasks)}, this task is {task}; take one of {', '.join(able)}")


def ladder_names(torch_available: bool | None = None, text: bool = False) -> tuple[str, ...]:
    """The rungs that are trained where no model is named, the simplest first.

    Args:
        torch_available: Whether neural models can be trained; looked up when None, without importing torch.
        text: Whether the table has a text column, which brings in more families.

    Example:
        >>> ladder_names(torch_available=False)
        ('constant', 'one-rule', 'linear', 'boosting')
    """
    if torch_available is None:
        torch_available = importlib.util.find_spec("torch") is not None
    rungs = (one for one in FAMILIES if (one.on_text_ladder if text else one.on_ladder))
    return tuple(one.name for one in rungs if torch_available or not one.needs_torch)
