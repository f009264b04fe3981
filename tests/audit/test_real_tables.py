"""What is true about the real files is said, and nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.audit import audit, compare_parts
from assay.core.finding import Finding, Severity
from assay.core.report import judge
from assay.rules import catalogue
from assay.table import Roles, Table, read

LEAKS = {"SPL101", "SPL102"}
RULES = [r for r in catalogue().values() if r.code[:3] in ("DAT", "SPL")]
FILES = {
    "adult": ("adult/adult.csv.gz", "income"),
    "bank": ("bank_marketing/bank-additional-full.csv.gz", "y"),
    "telco": ("telco_churn/Telco-Customer-Churn.csv.gz", "Churn"),
    "german": ("german_credit/german_credit.csv", "class"),
    "mammography": ("mammography/mammography.csv.gz", "class"),
    "california": ("california_housing/housing.csv.gz", "median_house_value"),
    "bike": ("bike_sharing/bike_sharing_hourly_kaggle_train.csv.gz", "count"),
    "bike_daily": ("bike_sharing/bike-sharing-daily.csv", "cnt"),
    "titanic": ("titanic/titanic_openML.csv", "survived"),
    "enron": ("enron1_dated/enron1_dated.csv.gz", "label"),
    "elec": ("elec/electricity.csv.gz", "class"),
}
pytestmark = pytest.mark.shared


@cache
def _findings(folder: Path, name: str) -> tuple[Finding, ...]:
    file, target = FILES[name]
    table = read(folder / file).with_roles(Roles(target=target))
    return judge(audit(table), RULES).findings


def _named(findings: tuple[Finding, ...], *codes: str) -> set[str]:
    return {f.at["column"] for f in findings if f.code in codes}


@pytest.mark.parametrize("name", ["adult", "telco", "german", "mammography", "california", "elec"])
def test_no_leak_is_named_where_there_is_none(shared_data: Path, name: str) -> None:
    assert _named(_findings(shared_data, name), *LEAKS) == set()


def test_titanic_leaks_by_the_lifeboat_and_the_body(shared_data: Path) -> None:
    found = _findings(shared_data, "titanic")
    assert _named(found, "SPL102") == {"boat", "body"}
    assert _named(found, "SPL101") == {"boat"}
    boat = next(f for f in found if f.code == "SPL102" and f.at["column"] == "boat")
    assert boat.price == pytest.approx(0.79, abs=0.02)
    assert boat.unit == "bits/row"
    assert "486 rows" in boat.saw


def test_bank_marketing_leaks_by_the_calls_duration_alone(shared_data: Path) -> None:
    found = _findings(shared_data, "bank")
    assert _named(found, *LEAKS) == {"duration"}
    assert "pdays" in _named(found, "DAT104")


@pytest.mark.parametrize(("name", "total"), [("bike", "count"), ("bike_daily", "cnt")])
def test_bike_sharing_leaks_by_its_two_summands(shared_data: Path, name: str, total: str) -> None:
    found = [f for f in _findings(shared_data, name) if f.code in LEAKS]
    assert {f.at["column"] for f in found} == {"casual", "registered"}
    assert all(f"casual + registered = {total}" in f.saw for f in found)


def test_enron_leaks_by_date_owner_and_file_name(shared_data: Path) -> None:
    found = _findings(shared_data, "enron")
    assert _named(found, *LEAKS) == {"date", "owner", "file"}
    assert _named(found, "DAT103") == {"message_id", "file"}


EXPECTED = {
    "adult": {("DAT104", "capital_gain")},
    "telco": {("DAT103", "customerID")},
    "german": set(),
    "mammography": {("DAT102", None), ("DAT106", "class")},
    "california": set(),
    "elec": set(),
    "bike": set(),
    "bike_daily": {("DAT103", "instant")},
    "titanic": set(),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_faults_of_the_data_are_these_and_no_others(shared_data: Path, name: str) -> None:
    found = [f for f in _findings(shared_data, name) if f.code.startswith("DAT") and f.severity is not Severity.NOTE]
    assert {(f.code, f.at.get("column")) for f in found} == EXPECTED[name]


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_clean_tables_of_scikit_learn_have_no_leak_and_no_warning_but_constants(name: str) -> None:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    frame = pl.DataFrame(dict(zip(map(str, bunch.feature_names), bunch.data.T, strict=True))).with_columns(target=bunch.target)
    table = Table(frame, dict.fromkeys(frame.columns, "number"), Roles(target="target"))
    found = [f for f in judge(audit(table), RULES).findings if f.severity is not Severity.NOTE]
    assert {f.code for f in found} <= ({"DAT101"} if name == "digits" else set())


def test_images_of_digits_have_no_leak_and_one_finding_of_empty_corners(shared_data: Path) -> None:
    with np.load(shared_data / "mnist" / "mnist.npz", allow_pickle=False) as arrays:
        pixels, labels = arrays["x_test"][:3000].reshape(3000, -1), arrays["y_test"][:3000]
    frame = pl.DataFrame({f"p{i}": pixels[:, i].astype(np.int64) for i in range(784)}).with_columns(digit=labels.astype(np.int64))
    table = Table(frame, dict.fromkeys(frame.columns, "number"), Roles(target="digit"))
    found = judge(audit(table), RULES).findings
    assert [f.code for f in found if f.severity is not Severity.NOTE] == ["DAT101"]


@pytest.mark.parametrize(("name", "shares"), [("mammography", True), ("telco", False), ("german", False), ("titanic", False)])
def test_random_splits_share_copies_only_where_there_are_copies(shared_data: Path, name: str, shares: bool) -> None:
    file, target = FILES[name]
    table = read(shared_data / file).with_roles(Roles(target=target))
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(table.rows)
        cut = table.rows // 5
        found = judge([compare_parts(table.take(order[cut:]), table.take(order[:cut]), "random")], RULES).findings
        assert ("SPL103" in {f.code for f in found}) == shares
