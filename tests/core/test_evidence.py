"""Evidence travels as strict JSON and comes back equal."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import RunError
from assay.core.ledger import Adjustment, Booking, Ledger, Side
from assay.core.trace_evidence import LayerTrace, TraceEvidence

numbers = st.floats(allow_nan=False)


@given(st.lists(numbers, max_size=5), st.text(max_size=8))
def test_trace_round_trip_keeps_infinities(losses: list[float], name: str) -> None:
    trace = TraceEvidence("mlp", "bits/row", 1.0, tuple(losses), layers=(LayerTrace(name, "linear", 3, dead_share=tuple(losses)),))
    text = json.dumps(trace.to_json(), allow_nan=False)
    assert TraceEvidence.from_json(json.loads(text)) == trace


def test_nan_survives() -> None:
    trace = TraceEvidence("mlp", "bits/row", math.nan, (math.inf, -math.inf))
    back = TraceEvidence.from_json(json.loads(json.dumps(trace.to_json(), allow_nan=False)))
    assert math.isnan(back.opening) and back.train_loss == (math.inf, -math.inf)


def test_ledger_round_trip() -> None:
    side = Side("source", (Booking("age", 0.2, 0.01, None, (0.1, 0.1)),), 0.001, "SAGE", 0.01)
    book = Ledger("mlp", "bits/row", 10, 1.0, 0.799, 0.02, 0.7, side, side, (Adjustment("leaked", 0.1, 0.01, True, "SPL101"),))
    assert Ledger.from_json(json.loads(json.dumps(book.to_json()))) == book
    assert side.balances and not Side("source", (), 0.2, "", 0.1).balances


def test_cut_evidence_says_which_field() -> None:
    with pytest.raises(RunError, match="TraceEvidence"):
        TraceEvidence.from_json({"model": "mlp"})
    with pytest.raises(RunError, match="opening"):
        TraceEvidence.from_json({"model": "mlp", "unit": "bits/row", "opening": "much", "train_loss": []})
