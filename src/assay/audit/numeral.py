"""Texts that are really numbers: with a currency sign, thousands commas, a percent sign or one unit behind them."""

from __future__ import annotations

import polars as pl

UNITS = (
    "%", "k", "m", "g", "kg", "mg", "lb", "lbs", "oz", "cm", "mm", "km", "mi", "ft", "in", "l", "ml", "h", "hr", "hrs", "min", "mins",
    "s", "sec", "ms", "day", "days", "yrs", "years", "mb", "gb", "kb", "tb", "usd", "eur", "gbp", "chf", "kwh", "kw", "w", "°c", "°f",
)  # fmt: skip
_PLAIN = r"(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?"
NUMERAL = rf"^\s*[-+(]?\s*[$€£¥]?\s*[-+]?{_PLAIN}\s*\)?\s*(?:[$€£¥]|{'|'.join(sorted(UNITS, key=len, reverse=True))})?\s*$"
CODE = r"^\s*0\d"


def reads_as_number(values: pl.Series) -> pl.Series:
    """Whether each text reads as a number once signs of currency, thousands commas and one unit are taken off.

    Texts with a leading zero, such as postal codes, do not: they name, they do not count.

    Example:
        >>> reads_as_number(pl.Series(["$1,200.50", "12 kg", "n/a", "02139", "", "3rd"])).to_list()
        [True, True, False, False, False, False]
    """
    lowered = values.str.to_lowercase()
    return lowered.str.contains(r"\d") & lowered.str.contains(NUMERAL) & ~lowered.str.contains(CODE)
