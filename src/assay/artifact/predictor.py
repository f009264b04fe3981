"""The predictor: a trained model with all that prediction needs, from a table to calibrated probabilities."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.objective.calibration import apply_temperature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Model
    from assay.model.encoding import Encoder
    from assay.table.table import Table


@dataclass(frozen=True)
class Predictions:
    """What a predictor says of each row.

    Attributes:
        prediction: The likeliest class (texts) or the value (float64), shape (rows,).
        probabilities: Calibrated, (rows, classes); None for regression.
        classes: Names of its columns.
    """

    prediction: NDArray[np.generic]
    probabilities: NDArray[np.float64] | None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Predictor:
    """A trained model with all that prediction needs.

    Attributes:
        encoder: What makes the model's input of a table.
        model: The trained model.
        temperature: Softens (above 1) or sharpens its probabilities; 1 leaves them.
        task: "classification" or "regression".
        classes: Class names in the order of the probabilities; empty for regression.
        target: Name of the target column.
        label_type: What a class is in the target column: "text", "whole number", "number" or "truth value".
        unit: Of the loss that was minimised.
        fingerprint: Of the table that it was trained on.
        versions: Of the software that trained it.
        findings: One line for each finding of the run.
        created: Time of training, ISO 8601 with zone.
    """

    encoder: Encoder
    model: Model
    temperature: float
    task: str
    classes: tuple[str, ...]
    target: str
    unit: str = ""
    fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    created: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    label_type: str = "text"

    @property
    def schema(self) -> dict[str, str]:
        """Column -> kind, of the columns that a table must have."""
        return dict(self.encoder.kinds)

    def predict(self, table: Table) -> Predictions:
        """Predictions for each row, in order; columns that the model does not read are ignored.

        Raises:
            ColumnError: a column that the model reads is absent, or holds a value of another kind.
        """
        raw = self.model.predict(self.encoder.transform(table))
        if self.task != "classification":
            return Predictions(raw, None)
        probabilities = apply_temperature(raw, self.temperature)
        names = np.array(self.classes, dtype=np.str_)
        return Predictions(names[probabilities.argmax(axis=1)], probabilities, self.classes)

    def predict_frame(self, table: Table) -> pl.DataFrame:
        """The same as columns: `prediction`, and for classes one calibrated probability `p_<class>` each.

        Predicted classes have the type of the target column, so that they compare with it.
        """
        made = self.predict(table)
        values = self.labels(made.prediction.tolist()) if self.classes else pl.Series(made.prediction, dtype=pl.Float64)
        frame = pl.DataFrame({"prediction": values})
        if made.probabilities is None:
            return frame
        chances = {f"p_{name}": made.probabilities[:, i] for i, name in enumerate(self.classes)}
        return frame.hstack(pl.DataFrame(chances))

    def labels(self, classes: Sequence[str]) -> pl.Series:
        """These classes as the target column writes them: texts, Int64, Float64 or Boolean."""
        named = pl.Series(classes, dtype=pl.String)
        if self.label_type == "truth value":
            return named == "true"
        return named.cast({"whole number": pl.Int64, "number": pl.Float64}.get(self.label_type, pl.String))
