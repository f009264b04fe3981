"""A seeded generator of medical claim lines whose verdict follows known rules, with label noise and faults planted on request."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.core.errors import OptionError, nearest
from assay.core.seeds import seed_for
from assay.table.claim_rules import DIAGNOSES, SUBMITTED, TREATMENTS, VERDICTS, verdicts

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_DAY = datetime.date(2025, 1, 1)
N_PROVIDERS = 40
ROWS_A_PATIENT = 8
# What is wrong with a line, with its share of the lines; a provider of the first three asks odd prices three times as often.
MISHAPS = {"none": 0.62, "indication": 0.12, "dose": 0.08, "overdose": 0.03, "price": 0.08, "overcharge": 0.03, "administration": 0.04}
GREEDY_PROVIDERS, GREED = 3, 3.0


def generate_claims(
    rows: int = 4000, *, seed: int = 0, noise: float = 0.02, faults: Sequence[str] = (), leak: bool = False, clean: bool = False
) -> pl.DataFrame:
    """Medical claim lines with the verdict VALID, SUSPICIOUS or INVALID that the known rules give them.

    Args:
        rows: Lines; the fault "duplicates" adds a twentieth.
        noise: Share of lines whose verdict is replaced by another one, 0 to 1.
        faults: Any of the names in `FAULTS`, in any order.
        leak: Short for the fault "leak".
        clean: Add the column clean_verdict, the verdict before the noise.

    Returns:
        Columns diagnosis, treatment, dose, amount, patient, provider, date, text, those of the faults, and verdict.

    Raises:
        OptionError: fewer than one row, a noise outside 0 to 1, or an unknown fault.

    Example:
        >>> lines = generate_claims(3, seed=1, noise=0.0)
        >>> lines.columns
        ['diagnosis', 'treatment', 'dose', 'amount', 'patient', 'provider', 'date', 'text', 'verdict']
    """
    if rows < 1:
        raise OptionError(f"{rows} rows of claims; give at least 1")
    if not 0.0 <= noise <= 1.0:
        raise OptionError(f"a noise of {noise} is no share of the labels; give one from 0 to 1, such as 0.02")
    for fault in faults:
        if fault not in FAULTS:
            raise OptionError(f"no fault {fault!r} to plant; {nearest(fault, FAULTS)}")
    lines = _lines(rows, np.random.default_rng(seed_for(seed, "claims")))
    true = verdicts(lines)
    lines = lines.with_columns(text=_texts(lines), verdict=_noisy(true, noise, np.random.default_rng(seed_for(seed, "noise"))))
    if clean:
        lines = lines.with_columns(clean_verdict=true)
    for fault, plant in FAULTS.items():
        if fault in faults or (leak and fault == "leak"):
            lines = plant(lines, np.random.default_rng(seed_for(seed, fault)))
    last = ["verdict", "clean_verdict"] if clean else ["verdict"]
    return lines.select(pl.exclude(last), *last)


def _lines(rows: int, rng: np.random.Generator) -> pl.DataFrame:
    """Claim lines before their verdict."""
    patients = rng.integers(0, max(1, rows // ROWS_A_PATIENT), rows)
    ailments = rng.integers(0, len(DIAGNOSES), (patients.max() + 1, 2))
    ailing = ailments[patients, (rng.random(rows) < 0.3).astype(int)]
    providers = rng.integers(0, N_PROVIDERS, rows)
    mishap = _mishaps(providers, rng)
    fitting = [[i for i, t in enumerate(TREATMENTS) if d in t.diagnoses] for d in DIAGNOSES]
    others = [[i for i, t in enumerate(TREATMENTS) if d not in t.diagnoses] for d in DIAGNOSES]
    luck = rng.random(rows)
    given = [(others if m == "indication" else fitting)[d] for d, m in zip(ailing.tolist(), mishap.tolist(), strict=True)]
    treated = np.array([choice[int(u * len(choice))] for choice, u in zip(given, luck.tolist(), strict=True)])
    dose = _amounts(np.array([t.dose for t in TREATMENTS])[treated], mishap, "dose", "overdose", 2.6, rng)
    amount = _amounts(np.array([t.price for t in TREATMENTS])[treated], mishap, "price", "overcharge", 4.2, rng)
    days = rng.integers(0, (SUBMITTED - FIRST_DAY).days + 1, rows)
    flaw = np.where(mishap == "administration", rng.integers(0, 4, rows), -1)
    days = np.where(flaw == 2, (SUBMITTED - FIRST_DAY).days + rng.integers(5, 300, rows), days)
    return pl.DataFrame(
        {
            "diagnosis": [DIAGNOSES[d] for d in ailing.tolist()],
            "treatment": [TREATMENTS[t].name for t in treated.tolist()],
            "dose": np.where(dose >= 20, np.round(dose / 5) * 5, np.round(dose * 2) / 2),
            "amount": np.round(amount, 2),
            "patient": [f"P{p:04d}" for p in patients.tolist()],
            "provider": [f"D{p:02d}" for p in providers.tolist()],
            "date": pl.Series([FIRST_DAY]).new_from_index(0, rows).dt.offset_by(pl.Series([f"{d}d" for d in days.tolist()])),
        }
    ).with_columns(
        provider=pl.when(pl.Series(flaw != 0)).then("provider"),
        date=pl.when(pl.Series(flaw != 1)).then("date"),
        amount=pl.when(pl.Series(flaw != 3)).then("amount"),
    )


def _mishaps(providers: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.str_]:
    """What is wrong with each line; some providers ask odd prices more often."""
    usual = np.array(list(MISHAPS.values()))
    greedy = usual * np.where([name in ("price", "overcharge") for name in MISHAPS], GREED, 1.0)
    shares = np.cumsum(np.vstack([usual / usual.sum(), greedy / greedy.sum()]), axis=1)
    drawn = (rng.random(providers.size)[:, None] > shares[(providers < GREEDY_PROVIDERS).astype(int)]).sum(axis=1)
    names: NDArray[np.str_] = np.array(list(MISHAPS))[np.minimum(drawn, len(MISHAPS) - 1)]
    return names


def _amounts(
    ranges: NDArray[np.float64], mishap: NDArray[np.str_], odd: str, wild: str, factor: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A value within each usual range, or beside it, or far above it, as the mishap says."""
    low, high = ranges[:, 0], ranges[:, 1]
    inside = low + (high - low) * rng.beta(2.0, 2.0, low.size)
    below, above = low * rng.uniform(0.2, 0.8, low.size), high * rng.uniform(1.2, 2.2, low.size)
    beside = np.where(rng.random(low.size) < 0.3, below, above)
    return np.where(mishap == odd, beside, np.where(mishap == wild, high * factor * rng.uniform(1.0, 3.0, low.size), inside))


def _texts(lines: pl.DataFrame) -> pl.Series:
    """The line as a clerk would write it."""
    units = {t.name: t.unit if len(t.unit) < 4 else f" {t.unit}" for t in TREATMENTS}
    shown = [
        f"{diagnosis} patient, {treatment} {dose:g}{units[treatment]}, " + ("no amount" if amount is None else f"${amount:.0f}")
        for diagnosis, treatment, dose, amount in lines.select("diagnosis", "treatment", "dose", "amount").iter_rows()
    ]
    return pl.Series("text", shown)


def _noisy(true: pl.Series, noise: float, rng: np.random.Generator) -> pl.Series:
    """The verdicts, a share of them replaced by one of the other two."""
    codes = np.array([VERDICTS.index(v) for v in true.to_list()])
    wrong = rng.permutation(codes.size)[: round(noise * codes.size)]
    codes[wrong] = (codes[wrong] + rng.integers(1, len(VERDICTS), wrong.size)) % len(VERDICTS)
    return pl.Series("verdict", [VERDICTS[c] for c in codes.tolist()])


def _leak(lines: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """appeal_code: filed after the verdict, against most refusals and against nothing else."""
    filed = ((lines["verdict"] == "INVALID") & pl.Series(rng.random(lines.height) < 0.85)).alias("filed")
    code = pl.Series([f"A{n}" for n in rng.integers(1, 5, lines.height).tolist()])
    return lines.with_columns(appeal_code=pl.when(filed).then(code))


def _duplicates(lines: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A twentieth of the lines is there twice, the copies anywhere in the table."""
    copies = lines[rng.choice(lines.height, max(1, lines.height // 20), replace=False)]
    every = pl.concat([lines, copies])
    return every[rng.permutation(every.height)]


def _missing(lines: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A fifth of the doses was not entered."""
    return lines.with_columns(dose=pl.when(pl.Series(rng.random(lines.height) >= 0.2)).then("dose"))


def _sentinel(lines: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """-999 stands for three of a hundred amounts."""
    return lines.with_columns(amount=pl.when(pl.Series(rng.random(lines.height) < 0.03)).then(-999.0).otherwise("amount"))


def _numbers_as_text(lines: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The amount is text: a few are written with a currency, such as "150.00 USD"."""
    text = pl.col("amount").cast(pl.String)
    return lines.with_columns(amount=pl.when(pl.Series(rng.random(lines.height) < 0.04)).then(text + " USD").otherwise(text))


def _constant(lines: pl.DataFrame, _rng: np.random.Generator) -> pl.DataFrame:
    """currency: one value in every line."""
    return lines.with_columns(currency=pl.lit("USD"))


def _identity(lines: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """claim_id: names the line and says nothing."""
    return lines.with_columns(claim_id=pl.Series([f"C{n:07d}" for n in rng.permutation(10 * lines.height)[: lines.height].tolist()]))


Fault = Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]
FAULTS: dict[str, Fault] = {
    "leak": _leak,
    "missing": _missing,
    "sentinel": _sentinel,
    "constant": _constant,
    "id": _identity,
    "numbers-as-text": _numbers_as_text,
    "duplicates": _duplicates,
}
