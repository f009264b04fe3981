"""Views of runs as the faces get them, made by hand: a leak, a regression, a run that stopped after the audit."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.eval_evidence import Calibration, EvalEvidence, Rung, Slice
from assay.core.finding import Finding, Severity
from assay.core.ledger import Adjustment, Booking, Ledger, Side
from assay.core.report import Report
from assay.core.split_evidence import CrossDuplicates, SplitEvidence
from assay.core.table_evidence import ColumnEvidence, TableEvidence, TargetEvidence
from assay.core.trace_evidence import LayerTrace, TraceEvidence
from assay.face.report import render
from assay.face.view import RunView

NOT_CHECKED = {"SPL104": "no entity column named (--entity)", "SPL105": "no time column named (--time)", "TRN199": "no stream"}


def steps(total: float, epochs: int, speed: float) -> tuple[float, ...]:
    """Amounts an epoch that sum to `total` and fade."""
    weights = [math.exp(-speed * i) for i in range(epochs)]
    return tuple(total * w / sum(weights) for w in weights)


def number(name: str, centre: float, spread: float, **more: object) -> ColumnEvidence:
    edges = tuple(centre + spread * (i - 10) / 5 for i in range(21))
    counts = tuple(round(130 * math.exp(-0.5 * ((i - 9.5) / 3.5) ** 2)) for i in range(20))
    quartiles = (centre - 0.7 * spread, centre, centre + 0.7 * spread)
    told = {"mean": centre, "std": spread, "minimum": edges[0], "maximum": edges[-1], "quartiles": quartiles}
    shape = {"histogram_edges": edges, "histogram_counts": counts}
    return ColumnEvidence(name, "number", 1309, **{"distinct": 98, **told, **shape, **more})  # type: ignore[arg-type]


def words(name: str, top: tuple[tuple[str, int], ...], **more: object) -> ColumnEvidence:
    return ColumnEvidence(name, "category", 1309, **{"distinct": len(top), "top": top, **more})  # type: ignore[arg-type]


def titanic_table() -> TableEvidence:
    columns = (
        words("pclass", (("3", 709), ("1", 323), ("2", 277))),
        ColumnEvidence("name", "text", 1309, 1307, mean_length=27.0, top=(("Connolly, Miss. Kate", 2), ("Kelly, Mr. James", 2))),
        words("sex", (("male", 843), ("female", 466))),
        number("age", 29.9, 14.4, missing=263),
        number("sibsp", 0.5, 1.04, integer=True, distinct=7),
        number("fare", 33.3, 51.8, missing=1, distinct=281),
        words("boat", (("13", 39), ("C", 38), ("15", 37), ("14", 33)), missing=823, distinct=27),
        number("body", 160.8, 97.7, missing=1188, distinct=121),
        words("home.dest", (("New York, NY", 64), ("London <England>", 14)), missing=564, distinct=369),
        words("survived", (("0", 809), ("1", 500)), role="target"),
    )
    target = TargetEvidence("survived", "classification", 1309, classes=(("0", 809), ("1", 500)), opening=0.9594)
    return TableEvidence(1309, columns, "titanic.csv", "sha256:4f9c1e0b77aa", target=target)


def titanic_findings() -> tuple[Finding, ...]:
    unit, error, warning = "bits/row", Severity.ERROR, Severity.WARNING
    return (
        Finding({"column": "boat"}, "present in 486 rows, of which 97 % survived (38 % of all rows did); 0.601 bits, 63 % of the target",
                "being missing tells nothing (p > 0.01)", "train again with --drop boat, or say when `boat` becomes known", 1.2e-211, 0.512,
                unit, "SPL102", "missing-leak", error),
        Finding({"column": "body"}, "present in 121 rows, none of which survived (38 % of all rows did)",
                "being missing tells nothing (p > 0.01)", "--drop body", 3.4e-22, 0.031, unit, "SPL102", "missing-leak", error),
        Finding({"model": "mlp", "epoch": 14}, "validation loss 0.462 at the end, 0.411 at best",
                "at most 2 standard errors above the best",
                "stop at the best epoch, more rows, or weight decay", None, 0.051, unit, "TRN105", "overfitting", warning),
        Finding({"model": "boosting"}, "recalibrating wins 0.011 bits/row; temperature 1.31", "a gain within 2 standard errors of 0",
                "use the calibrated probabilities that `assay predict` writes", 0.002, 0.011, unit, "EVL101", "miscalibrated", warning),
        Finding({"column": "home.dest", "rows": [7, 19, 23, 41, 56, 77], "rows_count": 14}, "`<England>` in 14 rows", "plain text",
                "", None, None, "", "DAT101", "constant-column", Severity.NOTE),
    )  # fmt: skip


SOURCES = (
    ("boat", 0.422, 0.021), ("sex", 0.094, 0.012), ("body", 0.019, 0.006), ("pclass", 0.017, 0.005), ("age", 0.012, 0.004),
    ("fare", 0.009, 0.004), ("home.dest", 0.004, 0.003), ("sibsp", 0.002, 0.002), ("name", -0.006, 0.003),
    *((f"deck {i}", 0.001 - 0.0002 * i, 0.001) for i in range(4)),
)  # fmt: skip


def titanic_ledger() -> Ledger:
    bookings = tuple(Booking(n, amount, se) for n, amount, se in SOURCES)
    opening, closing = 0.9601, 0.3812
    sources = Side("source", bookings, opening - closing - sum(b.held_out for b in bookings), "SAGE, 262 rows x 64 background rows", 0.02)
    stages = tuple(
        Booking(f"trees {5 * i + 1}-{5 * i + 5}", a, None, a * 1.2 + 0.01, steps(a, 5, 0.3))
        for i, a in enumerate((0.44, 0.1119, 0.03, -0.003))
    )
    learners = Side("learner", stages, opening - closing - sum(b.held_out for b in stages), "exact loss differences by stage", 1e-6)
    adjustments = (
        Adjustment("memorised", 0.142, 0.021, because="held-out minus training loss; TRN105"),
        Adjustment("leaked", 0.402, 0.024, counts=True, because="trained again without boat, body; SPL102"),
        Adjustment("miscalibrated", 0.011, 0.004, because="temperature 1.31, cross-fitted; EVL101"),
    )
    return Ledger("boosting", "bits/row", 262, opening, closing, 0.041, 0.239, sources, learners, adjustments)


def mlp_layers() -> Side:
    parts = (("embeddings", 0.08, 0.14), ("text", -0.012, 0.09), ("hidden 1", 0.21, 0.25), ("hidden 2", 0.15, 0.16), ("output", 0.1, 0.11))
    bookings = tuple(Booking(n, h, None, t, steps(h, 15, 0.35), steps(t, 15, 0.25)) for n, h, t in parts)
    return Side("learner", bookings, 0.0004, "weight path, 3 to 6 Gauss-Legendre nodes an epoch, 262 rows", 0.0055)


def titanic_evaluation() -> EvalEvidence:
    ladder = (
        Rung("constant", 0.9589, 0.9601, 0.012, 0.0, 0.0, 0.001, 0),
        Rung("one-rule", 0.391, 0.402, 0.035, 0.558, 0.034, 0.1, 1, "boat missing -> 0, else 1"),
        Rung("linear", 0.301, 0.396, 0.04, 0.564, 0.035, 0.4, 2),
        Rung("boosting", 0.239, 0.3812, 0.041, 0.5789, 0.036, 1.9, 3),
        Rung("mlp", 0.262, 0.411, 0.043, 0.549, 0.037, 4.2, 4),
    )
    happened = (0.02, 0.19, 0.17, 0.38, 0.5, 0.46, 0.7, 0.93, 0.77, 0.99)  # the eighth lies outside its band
    bins = tuple(
        (0.05 + 0.1 * i, h, 60 - 9 * abs(4 - i), max(0.0, 0.1 * i - 0.04), min(1.0, 0.1 * i + 0.14)) for i, h in enumerate(happened)
    )
    worst = (
        Slice("boat is missing and pclass = '1'", "boat", 40, 0.92, 0.5388, 0.0001),
        Slice("age in the lowest quarter (< 21)", "age", 52, 0.55, 0.1688, 0.004),
        Slice("sex = 'female'", "sex", 93, 0.46, 0.0788, 0.03),
    )
    metrics = {"accuracy": 0.901, "AUC": 0.955, "F1": 0.87}
    return EvalEvidence(
        "boosting", "classification", "bits/row", 262, 0.9601, ladder, metrics, titanic_ledger(), mlp_layers(),
        Calibration(0.031, 0.011, 0.004, "temperature", 1.31, 0.002, bins), worst, ("0", "1"), ((149, 13), (13, 87)),
    )  # fmt: skip


def mlp_trace() -> TraceEvidence:
    train = tuple(0.24 + 0.72 * math.exp(-0.4 * i) for i in range(15))
    valid = tuple(0.36 + 0.6 * math.exp(-0.5 * i) + 0.0007 * i * i for i in range(15))
    layers = tuple(LayerTrace(n, "linear", 64, "relu", dead_share=(0.0,) * 15) for n in ("hidden 1", "hidden 2"))
    return TraceEvidence(
        "mlp", "bits/row", 0.9589, train, valid, 0.03, layers=layers, best_epoch=8, train_rows=837, valid_rows=210, stopped="patience"
    )


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with its golden file, which only ASSAY_UPDATE_GOLDEN=1 writes; an absent file fails."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).with_name("golden") / name
        if os.environ.get("ASSAY_UPDATE_GOLDEN") == "1":
            path.write_text(text + "\n", encoding="utf-8")
        assert path.is_file(), f"no golden file {path.name}; look at the text, then write it with ASSAY_UPDATE_GOLDEN=1"
        assert text + "\n" == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def leaky_view() -> RunView:
    """Titanic with the boat and the body left in."""
    checked = ("DAT101", "SPL101", "SPL102", "SPL103", "TRN105", "EVL101")
    return RunView(
        "titanic",
        titanic_table(),
        Report(titanic_findings(), checked, NOT_CHECKED),
        folder="runs/titanic",
        command="assay train titanic.csv --target survived --seed 0",
        config={"target": "survived", "test": 0.2, "seed": 0},
        versions={"assay": "0.1.0", "python": "3.12.1", "numpy": "2.4.0"},
        fingerprint="sha256:4f9c1e0b77aa",
        seconds={"audit": 0.4, "train": 6.6, "ledger": 3.1},
        split=SplitEvidence(1047, 262, "stratified", CrossDuplicates(0, 0)),
        traces=(mlp_trace(),),
        evaluation=titanic_evaluation(),
        recommended="boosting",
        notes=("263 rows of age are missing.",),
    )


@pytest.fixture(scope="session")
def regression_view() -> RunView:
    """Bike rentals, honest, no MLP, no ledger."""
    ladder = (Rung("constant", 32900.0, 32811.5, 900.0), Rung("linear", 20100.0, 20011.0, 700.0, 12800.5, 600.0, 0.2, 2))
    columns = (number("temp", 20.2, 7.8), number("humidity", 61.9, 19.2), number("count", 191.6, 181.1, role="target"))
    target = TargetEvidence("count", "regression", 10886, opening=32811.5, unit="squared error/row")
    table = TableEvidence(10886, columns, "bikes.parquet", "sha256:00", target=target)
    pairs = tuple((100.0 + 3 * i, 90.0 + 3.3 * i + 40 * math.sin(i)) for i in range(120))
    found = EvalEvidence(
        "linear", "regression", "squared error/row", 2177, 32811.5, ladder, {"R2": 0.39, "RMSE": 141.5}, residuals=pairs, target_std=181.1
    )
    report = Report((), ("DAT101", "SPL101"), {"TRN105": "no neural training was watched"})
    return RunView("bikes", table, report, evaluation=found, recommended="linear", command="assay train bikes.parquet --target count")


@pytest.fixture(scope="session")
def bare_view() -> RunView:
    """A run that was interrupted after the audit, of a table with 130 columns."""
    pixels = (number(f"pixel_{i}", 0.1 * i, 1.0) for i in range(129))
    columns = (*pixels, words("label", (("7", 700), ("1", 609)), role="target"))
    target = TargetEvidence("label", "classification", 1309, classes=(("7", 700), ("1", 609)), opening=0.997)
    return RunView("digits", TableEvidence(1309, columns, "digits.csv", "sha256:11", target=target), Report((), ("DAT101",), NOT_CHECKED))


@pytest.fixture(scope="session")
def leaky_page(leaky_view: RunView) -> str:
    """The leaky run's report, rendered once for all tests that only read it."""
    return render(leaky_view)


@pytest.fixture(scope="session")
def bare_page(bare_view: RunView) -> str:
    """The interrupted run's report."""
    return render(bare_view)
