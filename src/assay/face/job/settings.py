"""What a person asks of the main job, as it is recorded in the run and typed again to reproduce it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from typing import Any, Self

from assay.core.errors import OptionError
from assay.core.evidence import build, plain
from assay.face.job.knobs import KNOBS, check_knobs
from assay.model.family import family
from assay.model.shape import PAIR_LOSSES

MAX_TEST_SHARE = 0.9
IN_MEMORY = "table in memory"


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of one run.

    Attributes:
        source: Path, glob or sample name; "table in memory" for a data frame.
        target: Column to predict.
        task: "classification" or "regression"; None to infer it.
        model: One model of the ladder; None for all.
        loss: Name of the loss, None for the task's usual one; or by which loss the encoder of a siamese network learns.
        test: Share of rows to hold out, or the path of a file with them.
        seed: Fixes the run.
        budget: Seconds for training; None for no limit.
        encoding, separator, missing, types: How to read the source, instead of inferring it.
        layers, width, heads, activation, dropout, pair: Shape of the network of `model`, see `Knobs`; None for what is usual for it.
        lr, optimiser, batch, epochs, schedule, average, precision, clip: How that network is trained, see `Knobs`.
        image_size: Height and width to resize images to, such as "64x64"; None takes them as they are.

    Example:
        >>> Settings("adult.csv", "income", drop=("fnlwgt",)).command()
        'assay train adult.csv --target income --drop fnlwgt'
    """

    source: str
    target: str
    task: str | None = None
    model: str | None = None
    loss: str | None = None
    group: str | None = None
    time: str | None = None
    entity: str | None = None
    weight: str | None = None
    drop: tuple[str, ...] = ()
    test: str = "0.2"
    seed: int = 0
    budget: float | None = None
    encoding: str | None = None
    separator: str | None = None
    missing: tuple[str, ...] = ()
    types: dict[str, str] | None = None
    image_size: str | None = None
    layers: int | None = None
    width: int | None = None
    heads: int | None = None
    activation: str | None = None
    dropout: float | None = None
    pair: tuple[str, ...] = ()
    lr: str | None = None
    optimiser: str | None = None
    batch: int | None = None
    epochs: int | None = None
    schedule: str | None = None
    average: bool = False
    precision: str | None = None
    clip: float | None = None

    def __post_init__(self) -> None:
        if self.model is not None:
            family(self.model)
        check_knobs(self.model, self.knobs)
        if self.task not in (None, "classification", "regression"):
            raise OptionError(f"no task {self.task!r}; it is 'classification' or 'regression'")
        if self.budget is not None and not self.budget > 0:
            raise OptionError(f"a budget of {self.budget} s leaves no time; give seconds above 0")
        share = self.test_share
        if share is not None and not 0.0 < share <= MAX_TEST_SHARE:
            raise OptionError(
                f"--test {self.test} is no share of rows to hold out; give one above 0 and at most {MAX_TEST_SHARE}, or a file"
            )

    @property
    def knobs(self) -> dict[str, Any]:
        """The knobs that are turned."""
        values = {name: getattr(self, name) for name in KNOBS}
        turned = {name: value for name, value in values.items() if value is not None and value is not False and value != ()}
        return turned | ({"loss": self.loss} if self.loss in PAIR_LOSSES else {})

    @property
    def ledger_loss(self) -> str | None:
        """Name of the loss that is accounted for; None for the task's usual one."""
        return None if self.loss in PAIR_LOSSES else self.loss

    @property
    def test_share(self) -> float | None:
        """The share of rows to hold out; None where a file was given."""
        try:
            return float(self.test)
        except ValueError:
            return None

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON data."""
        data: dict[str, Any] = plain(self)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The settings that `to_json` described."""
        made: Self = build(cls, data)
        return made

    def command(self, out: str | None = None) -> str:
        """The command line that asks for the same run; for a table in memory, which no command line reaches, the call in Python."""
        if self.source == IN_MEMORY:
            told = ", ".join(f"{name}={value!r}" for name, value in (*self._asked(), *([("out", out)] if out else [])))
            return f"assay.train(table, {told})"
        words = ["assay", "train", self.source]
        for name, value in self._asked():
            if name == "types":
                words += [w for column, kind in value.items() for w in ("--type", f"{column}={kind}")]
            elif value is True:
                words.append(f"--{name}")
            elif name == "pair":
                words += ["--pair", *value]
            elif isinstance(value, tuple):
                words += [w for one in value for w in (f"--{name}", str(one))]
            else:
                words += [f"--{name.replace('_', '-')}", str(value)]
        return shlex.join([*words, *(["--out", out] if out else [])])

    def _asked(self) -> list[tuple[str, Any]]:
        """The settings that are not as they are by default."""
        named = [(field, getattr(self, field.name)) for field in fields(self) if field.name != "source"]
        return [(field.name, value) for field, value in named if value != field.default and value not in (None, ())]
