"""Real files come out with the kinds and missing values that are true of them."""

from pathlib import Path

import pytest

from assay.table import Roles, read, target_of, task_of

pytestmark = pytest.mark.shared

FACTS = {
    "adult/adult.csv.gz": (48842, 16, {"age": "number", "income": "category"}, {"occupation": 2809}),
    "telco_churn/Telco-Customer-Churn.csv.gz": (7043, 21, {"TotalCharges": "number", "customerID": "category"}, {"TotalCharges": 11}),
    "titanic/titanic_openML.csv": (
        1309,
        14,
        {"boat": "category", "body": "number", "age": "number", "name": "text", "home.dest": "category", "cabin": "category"},
        {"boat": 823, "body": 1188, "age": 263},
    ),
    "bank_marketing/bank-additional-full.csv.gz": (41188, 21, {"duration": "number", "y": "category", "euribor3m": "number"}, {"job": 0}),
    "enron1_dated/enron1_dated.csv.gz": (
        5172,
        7,
        {"date": "date", "text": "text", "subject": "text", "owner": "category"},
        {"subject": 61},
    ),
    "bike_sharing/bike_sharing_hourly_kaggle_train.csv.gz": (10886, 12, {"datetime": "date", "count": "number"}, {}),
    "bike_sharing/bike-sharing-daily.csv": (731, 16, {"dteday": "date"}, {}),
    "california_housing/housing.csv.gz": (20640, 10, {"ocean_proximity": "category"}, {"total_bedrooms": 207}),
    "mammography/mammography.csv.gz": (11183, 7, {"class": "number"}, {}),
    "german_credit/german_credit.csv": (1000, 21, {"checking_status": "category"}, {}),
    "elec/electricity.csv.gz": (45312, 9, {"date": "number", "class": "category"}, {}),
    "sms_spam/SMSSpamCollection.tsv.gz": (5574, 2, {"column_1": "category", "column_2": "text"}, {}),
    "claims/claims.csv.gz": (26039, 18, {"code": "category", "date": "date", "cost": "number"}, {"diagnosis": 7657}),
    "squad_v2_dev/questions.jsonl.gz": (11873, 5, {"is_impossible": "boolean", "question": "text"}, {}),
    "word_similarity/simlex999.txt": (999, 3, {"Human (mean)": "number"}, {}),
}


@pytest.mark.parametrize("name", list(FACTS))
def test_real_files_are_read_as_they_are(shared_data: Path, name: str) -> None:
    rows, columns, kinds, missing = FACTS[name]
    table = read(shared_data / name)
    assert (table.rows, len(table.columns)) == (rows, columns)
    assert {column: table.kind(column) for column in kinds} == kinds
    assert {column: table.frame[column].null_count() for column in missing} == missing


def test_what_was_missing_is_told(shared_data: Path) -> None:
    titanic = read(shared_data / "titanic/titanic_openML.csv")
    assert titanic.markers["boat"] == {"?": 823}
    assert read(shared_data / "telco_churn/Telco-Customer-Churn.csv.gz").markers == {"TotalCharges": {" ": 11}}
    bank = read(shared_data / "bank_marketing/bank-additional-full.csv.gz")
    assert "fields are separated by semicolons" in bank.notes


def test_claims_are_equal_from_csv_and_parquet(shared_data: Path) -> None:
    assert read(shared_data / "claims/claims.csv.gz").fingerprint == read(shared_data / "claims/claims.parquet").fingerprint


def test_digits_have_a_column_a_pixel(shared_data: Path) -> None:
    table = read(shared_data / "mnist/mnist.npz").with_roles(Roles(target="y"))
    assert (table.rows, len(table.features)) == (60000, 784)
    assert task_of(table) == "classification"
    assert target_of(table).classes == tuple("0123456789")


def test_targets_of_real_tables(shared_data: Path) -> None:
    for name, target, task in (
        ("mammography/mammography.csv.gz", "class", "classification"),
        ("titanic/titanic_openML.csv", "survived", "classification"),
        ("california_housing/housing.csv.gz", "median_house_value", "regression"),
        ("bike_sharing/bike_sharing_hourly_kaggle_train.csv.gz", "count", "regression"),
    ):
        assert task_of(read(shared_data / name).with_roles(Roles(target=target))) == task
