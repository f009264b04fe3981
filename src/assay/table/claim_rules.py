"""The known rules behind the claims sample: which treatment fits which diagnosis, in which dose, at which price.

Doses are usual daily ranges for adults, rounded; prices of a month's supply are invented. Nothing here is medical advice.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import polars as pl

SUBMITTED = datetime.date(2026, 6, 30)
VERDICTS = ("VALID", "SUSPICIOUS", "INVALID")
DOSE_DANGER, PRICE_DANGER = 2.5, 4.0


@dataclass(frozen=True, slots=True)
class Treatment:
    """One treatment.

    Attributes:
        diagnoses: What it is indicated for.
        unit: Of the daily dose.
        dose: Lowest and highest usual daily dose.
        price: Lowest and highest usual price of a month's supply, in dollars.
    """

    name: str
    diagnoses: tuple[str, ...]
    unit: str
    dose: tuple[float, float]
    price: tuple[float, float]


TREATMENTS = (
    Treatment("Metformin", ("Diabetes",), "mg", (500, 2500), (60, 240)),
    Treatment("Gliclazide", ("Diabetes",), "mg", (40, 320), (80, 260)),
    Treatment("Empagliflozin", ("Diabetes", "Heart failure"), "mg", (10, 25), (380, 720)),
    Treatment("Insulin glargine", ("Diabetes",), "units", (10, 80), (250, 640)),
    Treatment("Lisinopril", ("Hypertension", "Heart failure"), "mg", (5, 40), (40, 150)),
    Treatment("Amlodipine", ("Hypertension",), "mg", (2.5, 10), (35, 130)),
    Treatment("Losartan", ("Hypertension",), "mg", (25, 100), (50, 180)),
    Treatment("Furosemide", ("Heart failure",), "mg", (20, 160), (30, 110)),
    Treatment("Propranolol", ("Hypertension", "Migraine"), "mg", (40, 240), (45, 160)),
    Treatment("Atorvastatin", ("High cholesterol",), "mg", (10, 80), (70, 250)),
    Treatment("Simvastatin", ("High cholesterol",), "mg", (10, 40), (50, 170)),
    Treatment("Salbutamol", ("Asthma",), "mcg", (100, 800), (55, 190)),
    Treatment("Budesonide", ("Asthma",), "mcg", (200, 1600), (120, 410)),
    Treatment("Montelukast", ("Asthma", "Allergy"), "mg", (5, 10), (90, 280)),
    Treatment("Cetirizine", ("Allergy",), "mg", (5, 10), (25, 90)),
    Treatment("Amoxicillin", ("Bacterial infection",), "mg", (750, 3000), (40, 140)),
    Treatment("Doxycycline", ("Bacterial infection",), "mg", (100, 200), (60, 200)),
    Treatment("Levothyroxine", ("Hypothyroidism",), "mcg", (25, 200), (45, 160)),
    Treatment("Sertraline", ("Depression", "Anxiety"), "mg", (50, 200), (60, 230)),
    Treatment("Fluoxetine", ("Depression",), "mg", (20, 60), (55, 190)),
    Treatment("Lamotrigine", ("Epilepsy",), "mg", (25, 400), (110, 390)),
    Treatment("Levetiracetam", ("Epilepsy",), "mg", (500, 3000), (130, 460)),
    Treatment("Sumatriptan", ("Migraine",), "mg", (50, 200), (95, 330)),
    Treatment("Ibuprofen", ("Osteoarthritis",), "mg", (400, 2400), (20, 80)),
    Treatment("Paracetamol", ("Osteoarthritis",), "mg", (500, 4000), (15, 60)),
    Treatment("Omeprazole", ("Reflux",), "mg", (10, 40), (50, 170)),
    Treatment("Apixaban", ("Atrial fibrillation",), "mg", (5, 10), (420, 760)),
    Treatment("Warfarin", ("Atrial fibrillation",), "mg", (1, 10), (30, 120)),
    Treatment("Allopurinol", ("Gout",), "mg", (100, 800), (35, 130)),
)
DIAGNOSES = tuple(sorted({diagnosis for treatment in TREATMENTS for diagnosis in treatment.diagnoses}))


def verdicts(lines: pl.DataFrame) -> pl.Series:
    """The verdict that the rules give each claim line: the worst of the four.

    Indication: INVALID if the treatment is not indicated for the diagnosis. Dose: SUSPICIOUS outside the usual range, INVALID
    beyond 2.5 times its top. Price: SUSPICIOUS outside the usual range, INVALID beyond 4 times its top. Administration:
    INVALID without provider or date, or with a date after the submission; SUSPICIOUS without an amount.

    Args:
        lines: Columns diagnosis, treatment, dose, amount, provider and date.

    Source: definition.
    """
    known = pl.DataFrame(
        {
            "treatment": [t.name for t in TREATMENTS],
            "fits": [list(t.diagnoses) for t in TREATMENTS],
            "dose_low": [float(t.dose[0]) for t in TREATMENTS],
            "dose_high": [float(t.dose[1]) for t in TREATMENTS],
            "price_low": [float(t.price[0]) for t in TREATMENTS],
            "price_high": [float(t.price[1]) for t in TREATMENTS],
        }
    )
    joined = lines.join(known, on="treatment", how="left", maintain_order="left")
    dose, amount = pl.col("dose"), pl.col("amount")
    refused = (
        ~pl.col("diagnosis").is_in(pl.col("fits"))
        | (dose > DOSE_DANGER * pl.col("dose_high"))
        | (amount > PRICE_DANGER * pl.col("price_high"))
        | pl.col("provider").is_null()
        | pl.col("date").is_null()
        | (pl.col("date") > SUBMITTED)
    )
    doubtful = ~dose.is_between("dose_low", "dose_high") | ~amount.is_between("price_low", "price_high") | amount.is_null() | dose.is_null()
    verdict = (
        pl.when(refused.fill_null(value=False))
        .then(pl.lit("INVALID"))
        .when(doubtful.fill_null(value=True))
        .then(pl.lit("SUSPICIOUS"))
        .otherwise(pl.lit("VALID"))
    )
    return joined.select(verdict.alias("verdict")).to_series()
