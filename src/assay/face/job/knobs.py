"""The knobs of a network: what --layers, --lr and the like mean for a family, and which families have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from assay.core.errors import OptionError, nearest
from assay.model.family import FAMILIES, family
from assay.model.registry import model_class
from assay.model.shape import SHAPE_KNOBS
from assay.objective import LOSSES
from assay.train.settings import Settings as Loop

# Knob -> field of the loop's settings.
LOOP_KNOBS = {
    "lr": "learning_rate",
    "optimiser": "optimiser",
    "batch": "batch_rows",
    "epochs": "epochs",
    "schedule": "schedule",
    "average": "average",
    "precision": "precision",
    "clip": "clip_norm",
}
# --loss is the ledger's for all families, and of pairs only by its value
KNOBS = (*(name for name in SHAPE_KNOBS if name != "loss"), *LOOP_KNOBS)
AVERAGE_DECAY = 0.999


class Knobs(TypedDict, total=False):
    """The knobs as `assay.train` takes them; left out, each is as is usual for the family.

    Attributes:
        layers, width, heads: Sizes; `assay models NAME` says what they mean for a family.
        activation: relu, leaky, gelu, silu, tanh, sigmoid, selu or linear.
        dropout: Share silenced at each training step.
        pair: Of a siamese network: two columns to compare, or the two marks that tell the columns of both items.
        lr: Learning rate, or "auto" for a range test.
        optimiser: Such as adamw, sgd or nesterov.
        batch: Rows a step.
        epochs: At most so many.
        schedule: Of the learning rate, such as warmup-cosine or one-cycle.
        average: Keep a moving average of the weights.
        precision: float32, bf16 or fp16.
        clip: Largest 2-norm of a gradient.
    """

    layers: int | None
    width: int | None
    heads: int | None
    activation: str | None
    dropout: float | None
    pair: Sequence[str]
    lr: float | str | None
    optimiser: str | None
    batch: int | None
    epochs: int | None
    schedule: str | None
    average: bool
    precision: str | None
    clip: float | None


def check_knobs(model: str | None, knobs: Mapping[str, Any]) -> None:
    """Refuse knobs that this family has not, and values that it does not take.

    Raises:
        OptionError: no model was named, the family has no such knob, or a value is not accepted.

    Example:
        >>> check_knobs("mlp", {"layers": 3, "lr": "auto"})
    """
    if not knobs:
        return
    given = [f"--{name}" for name in knobs]
    if "loss" in knobs and model != "siamese":
        raise OptionError(f"--loss {knobs['loss']} is of pairs; take --model siamese, or one of {', '.join(LOSSES)}")
    if model is None:
        able = ", ".join(one.name for one in FAMILIES if one.needs_torch)
        raise OptionError(f"{given[0]} turns a knob of one family, and no model is named; name it with --model, one of {able}")
    has = knobs_of(model)
    for name in knobs:
        if name not in has:
            told = f"it has {', '.join(f'--{one}' for one in has)}" if has else "it has none of these knobs and chooses by itself"
            raise OptionError(f"{model} has no --{name}; {told}")
    shape_of(model, knobs)
    loop_of(model, knobs)


def knobs_of(model: str) -> tuple[str, ...]:
    """The knobs that a family has.

    Example:
        >>> knobs_of("boosting"), knobs_of("lstm")[:3]
        ((), ('layers', 'width', 'dropout'))
    """
    if not family(model).needs_torch:
        return ()
    kind: Any = model_class(model)
    return (*kind.knobs(), *LOOP_KNOBS)


def shape_of(model: str, knobs: Mapping[str, Any]) -> Any:
    """What a network of this family is shaped like under these knobs; None for a family without a shape.

    Raises:
        OptionError: a value is not accepted.
    """
    if not family(model).needs_torch:
        return None
    kind: Any = model_class(model)
    return kind.shaped({name: value for name, value in knobs.items() if name in SHAPE_KNOBS})


def loop_of(model: str, knobs: Mapping[str, Any]) -> Loop | None:
    """How a network of this family is trained under these knobs: as is usual for it but for those; None for a family without a loop.

    Raises:
        OptionError: a value is not accepted.

    Example:
        >>> loop_of("mlp", {"lr": "0.01", "clip": 1.0}).learning_rate
        0.01
    """
    if not family(model).needs_torch:
        return None
    kind: Any = model_class(model)
    usual = dict(kind.usual_settings)
    if "optimiser" in knobs:  # the family's rate and decay are for its usual optimiser
        usual.pop("learning_rate", None)
        usual.pop("weight_decay", None)
    asked = {field: knobs[name] for name, field in LOOP_KNOBS.items() if name in knobs}
    if "average" in knobs:
        asked["average"] = AVERAGE_DECAY
    if "lr" in knobs:
        asked["learning_rate"] = _rate(knobs["lr"])
    try:
        return Loop(**{**usual, **asked})
    except OptionError as problem:
        told = str(problem)
        for name, field in LOOP_KNOBS.items():
            told = f"--{name}{told.removeprefix(field)}" if told.startswith(field) else told
        raise OptionError(told) from None


def _rate(typed: float | str) -> float | str:
    try:
        return float(typed)
    except ValueError:
        if typed == "auto":
            return "auto"
        raise OptionError(f"--lr takes a rate above 0, such as 0.001, or auto, got {typed!r}") from None


def refuse_strange(options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse a keyword that `assay.train` does not take.

    Raises:
        OptionError: with the nearest that it takes.
    """
    for name in options:
        if name not in known:
            raise OptionError(f"assay.train takes no {name!r}; {nearest(name, known)}")
