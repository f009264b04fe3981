"""The ladder: every model by the name that --model takes, the simplest first."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping

from assay.core.errors import ExtraMissing, OptionError, nearest
from assay.model.contract import Model

# Name -> module and class; a model's module is imported when the model is asked for, torch with the MLP only.
_PLACES = {
    "constant": ("assay.model.constant", "Constant"),
    "one-rule": ("assay.model.one_rule", "OneRule"),
    "linear": ("assay.model.linear", "Linear"),
    "boosting": ("assay.model.boosting", "Boosting"),
    "mlp": ("assay.model.mlp", "Mlp"),
}
_NEED_TORCH = ("mlp",)


class _Ladder(Mapping[str, type[Model]]):
    """Name -> class, in ladder order; the class is imported on first use."""

    def __getitem__(self, name: str) -> type[Model]:
        module, label = _PLACES[name]
        try:
            found: type[Model] = getattr(importlib.import_module(module), label)
        except ModuleNotFoundError as problem:
            if problem.name == "torch":
                raise ExtraMissing(f"model {name!r}", "torch") from problem
            raise
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


MODELS: Mapping[str, type[Model]] = _Ladder()


def model_class(name: str) -> type[Model]:
    """The model of that name.

    Raises:
        OptionError: there is none; the nearest names are offered.
        ExtraMissing: it needs torch, which is not installed.

    Example:
        >>> model_class("constant").complexity
        0
    """
    if name not in _PLACES:
        raise OptionError(f"no model {name!r}; {nearest(name, _PLACES)}")
    return MODELS[name]


def ladder_names(torch_available: bool | None = None) -> tuple[str, ...]:
    """The rungs that can be trained here, the simplest first.

    Args:
        torch_available: Whether neural models can be trained; looked up when None, without importing torch.

    Example:
        >>> ladder_names(torch_available=False)
        ('constant', 'one-rule', 'linear', 'boosting')
    """
    if torch_available is None:
        torch_available = importlib.util.find_spec("torch") is not None
    return tuple(name for name in _PLACES if torch_available or name not in _NEED_TORCH)
