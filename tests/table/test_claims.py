"""The claims are what their rules say, the noise is as much as asked for, and every fault is there."""

import datetime

import polars as pl
import pytest

from assay.core.errors import OptionError
from assay.table import FAULTS, generate_claims
from assay.table.claim_rules import DIAGNOSES, SUBMITTED, TREATMENTS, verdicts

DAY = datetime.date(2026, 1, 1)


def test_knowledge_is_consistent() -> None:
    assert len(DIAGNOSES) >= 12
    assert len(TREATMENTS) >= 20
    assert len({t.name for t in TREATMENTS}) == len(TREATMENTS)
    assert all(0 < t.dose[0] < t.dose[1] and 0 < t.price[0] < t.price[1] for t in TREATMENTS)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "VALID"),
        ({"treatment": "Sertraline"}, "INVALID"),
        ({"dose": 2600.0}, "SUSPICIOUS"),
        ({"dose": 400.0}, "SUSPICIOUS"),
        ({"dose": 6300.0}, "INVALID"),
        ({"amount": 59.0}, "SUSPICIOUS"),
        ({"amount": 960.0}, "SUSPICIOUS"),
        ({"amount": 961.0}, "INVALID"),
        ({"amount": None}, "SUSPICIOUS"),
        ({"provider": None}, "INVALID"),
        ({"date": None}, "INVALID"),
        ({"date": SUBMITTED + datetime.timedelta(days=1)}, "INVALID"),
        ({"dose": 400.0, "provider": None}, "INVALID"),
        ({"diagnosis": "Heart failure", "treatment": "Empagliflozin", "dose": 10.0, "amount": 400.0}, "VALID"),
    ],
)
def test_each_rule_judges_its_case(change: dict[str, object], verdict: str) -> None:
    line = {"diagnosis": "Diabetes", "treatment": "Metformin", "dose": 500.0, "amount": 150.0, "provider": "D01", "date": DAY}
    assert verdicts(pl.DataFrame([{**line, **change}], schema_overrides={"provider": pl.String, "date": pl.Date})).to_list() == [verdict]


def test_verdicts_follow_the_rules_but_for_the_noise() -> None:
    lines = generate_claims(3000, seed=4, noise=0.1, clean=True)
    assert lines["clean_verdict"].equals(verdicts(lines).alias("clean_verdict"))
    assert (lines["verdict"] != lines["clean_verdict"]).sum() == 300
    shares = dict(generate_claims(4000).group_by("verdict").len().rows())
    assert 0.5 < shares["VALID"] / 4000 < 0.7
    assert min(shares["SUSPICIOUS"], shares["INVALID"]) > 400


def test_the_text_tells_the_line() -> None:
    for line in generate_claims(200).iter_rows(named=True):
        assert line["text"].startswith(f"{line['diagnosis']} patient, {line['treatment']} {line['dose']:g}")
        assert line["text"].endswith("no amount" if line["amount"] is None else f"${line['amount']:.0f}")


def test_same_seed_same_claims_and_faults_leave_the_rest_alone() -> None:
    plain = generate_claims(500, seed=2)
    assert plain.equals(generate_claims(500, seed=2))
    assert not plain.equals(generate_claims(500, seed=3))
    leaky = generate_claims(500, seed=2, leak=True)
    assert leaky.drop("appeal_code").equals(plain)


def test_the_leak_is_filed_against_refusals_only() -> None:
    lines = generate_claims(leak=True)
    filed = lines.filter(pl.col("appeal_code").is_not_null())
    assert set(filed["verdict"]) == {"INVALID"}
    assert filed.height > 0.7 * (lines["verdict"] == "INVALID").sum()


def test_every_fault_is_there() -> None:
    lines = generate_claims(1000, faults=list(FAULTS))
    assert lines.height == 1050
    assert lines.columns[-1] == "verdict"
    assert lines.is_duplicated().sum() >= 100
    assert lines["currency"].n_unique() == 1
    assert lines["claim_id"].n_unique() == 1000
    assert 0.15 < lines["dose"].null_count() / 1050 < 0.25
    assert 10 < lines["amount"].str.starts_with("-999").sum() < 60
    assert 20 < lines["amount"].str.ends_with(" USD").sum() < 80


def test_wrong_options_are_refused() -> None:
    with pytest.raises(OptionError, match="no fault 'leek' to plant; did you mean 'leak'"):
        generate_claims(10, faults=["leek"])
    with pytest.raises(OptionError, match=r"a noise of 1\.5"):
        generate_claims(10, noise=1.5)
    with pytest.raises(OptionError, match="0 rows"):
        generate_claims(0)
