"""Training on a real table with categories and numbers: it learns, and no rule of training complains."""

from pathlib import Path

import numpy as np
import pytest

from assay.core.report import judge
from assay.model.contract import Rows
from assay.model.encoding import Encoder
from assay.model.mlp import Mlp
from assay.objective.loss import LOSSES
from assay.rules import catalogue
from assay.table import Roles, read, target_of
from assay.train.ladder import fit_model


@pytest.mark.shared
def test_telco_churn_is_learned_without_a_finding(shared_data: Path) -> None:
    file = next((shared_data / "telco_churn").glob("*.csv*"))
    table = read(file)
    table = table.with_roles(Roles(target=next(name for name in table.columns if name.lower() == "churn")))
    target = target_of(table)
    order = np.random.default_rng(0).permutation(len(target.rows_kept))
    encoded = Encoder.fit(table).transform(table)
    train, valid, test = (Rows(encoded.take(places), target.values[places]) for places in np.split(order, [1500, 2000, 4000])[:3])
    loss = LOSSES["log"]
    training = fit_model(Mlp(), train, valid, loss=loss, classes=2, seed=0)
    assert training.trace is not None
    held_out = loss.mean(test.target, training.model.predict(test.data))
    assert held_out < 0.9 * training.trace.opening
    rules = [rule for code, rule in catalogue().items() if code.startswith("TRN")]
    assert judge([training.trace], rules).findings == ()
