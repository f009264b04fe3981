"""The tables that come with Assay: real ones from scikit-learn's files, and the generated medical claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from assay.core.errors import SourceError, nearest
from assay.table.claims import generate_claims
from assay.table.grid import grid_of_names
from assay.table.kind import typed_column
from assay.table.table import Roles, Table


@dataclass(frozen=True, slots=True)
class Sample:
    """A bundled table.

    Attributes:
        columns: Number of columns, the target included.
        about: One sentence.
    """

    name: str
    rows: int
    columns: int
    target: str
    task: str
    about: str


def _bundled(file: str) -> Path:
    """A data file of scikit-learn, found without importing it."""
    found = find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise SourceError(f"the sample file {file!r} comes with scikit-learn, which is not installed; run: pip install scikit-learn")
    return Path(found.submodule_search_locations[0]) / "datasets" / "data" / file


def _with_labels(file: str, names: tuple[str, ...], target: str) -> pl.DataFrame:
    """Rows of numbers below a first line "rows, columns, class 0, class 1, ..."; the last number of a row is its class."""
    lines = _bundled(file).read_text(encoding="utf-8")
    labels = lines.partition("\n")[0].split(",")[2:]
    frame = pl.read_csv(lines.encode(), has_header=False, skip_rows=1, new_columns=[*names, "class number"], infer_schema_length=None)
    label = pl.Series(target, [labels[i] for i in frame["class number"].to_list()])
    return frame.drop("class number").with_columns(label)


def _iris() -> pl.DataFrame:
    return _with_labels("iris.csv", ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"), "species")


def _wine() -> pl.DataFrame:
    names = (
        *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids", "nonflavanoid_phenols"),
        *("proanthocyanins", "color_intensity", "hue", "od280_od315", "proline"),
    )
    return _with_labels("wine_data.csv", names, "cultivar")


def _breast_cancer() -> pl.DataFrame:
    cell = (
        "radius",
        "texture",
        "perimeter",
        "area",
        "smoothness",
        "compactness",
        "concavity",
        "concave_points",
        "symmetry",
        "fractal_dimension",
    )
    names = tuple(f"{part}_{measure}" for part in ("mean", "error", "worst") for measure in cell)
    return _with_labels("breast_cancer.csv", names, "diagnosis")


def _digits() -> pl.DataFrame:
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    frame = pl.read_csv(_bundled("digits.csv.gz"), has_header=False, new_columns=[*names, "digit"], infer_schema_length=None)
    return frame.with_columns(pl.all().cast(pl.Int64))


def _diabetes() -> pl.DataFrame:
    names = [
        "age",
        "sex",
        "body_mass_index",
        "blood_pressure",
        "total_cholesterol",
        "ldl",
        "hdl",
        "cholesterol_ratio",
        "log_triglycerides",
        "glucose",
    ]
    frame = pl.read_csv(_bundled("diabetes_data_raw.csv.gz"), has_header=False, separator=" ", new_columns=names, infer_schema_length=None)
    target = pl.read_csv(_bundled("diabetes_target.csv.gz"), has_header=False, new_columns=["progression"])
    return frame.with_columns(target["progression"])


def _claims() -> pl.DataFrame:
    return generate_claims()


def _leaky_claims() -> pl.DataFrame:
    return generate_claims(leak=True)


SAMPLES: dict[str, tuple[Sample, Callable[[], pl.DataFrame]]] = {
    one.name: (one, load)
    for one, load in (
        (Sample("iris", 150, 5, "species", "classification", "three kinds of iris by the size of their leaves"), _iris),
        (Sample("wine", 178, 14, "cultivar", "classification", "three grape cultivars by the chemistry of their wine"), _wine),
        (
            Sample(
                "breast-cancer", 569, 31, "diagnosis", "classification", "malignant and benign tumours by measures of their cell nuclei"
            ),
            _breast_cancer,
        ),
        (Sample("digits", 1797, 65, "digit", "classification", "handwritten digits as 8 by 8 grey pixels"), _digits),
        (Sample("diabetes", 442, 11, "progression", "regression", "progression of diabetes one year after ten measurements"), _diabetes),
        (
            Sample("claims", 4000, 9, "verdict", "classification", "generated medical claim lines, judged by known rules"),
            _claims,
        ),
        (
            Sample("claims-leak", 4000, 10, "verdict", "classification", "claims with a planted leak: a code that only refusals get"),
            _leaky_claims,
        ),
    )
}


def samples() -> tuple[Sample, ...]:
    """What each bundled table is."""
    return tuple(about for about, _ in SAMPLES.values())


def sample(name: str) -> Table:
    """A bundled table, with its target in its roles.

    Raises:
        SourceError: no such sample; the nearest names are offered.

    Example:
        >>> table = sample("iris")
        >>> table.rows, table.roles.target
        (150, 'species')
    """
    if name not in SAMPLES:
        raise SourceError(f"no sample {name!r}; {nearest(name, SAMPLES)}")
    about, load = SAMPLES[name]
    frame = load()
    kinds = {column.name: typed_column(column).kind for column in frame.get_columns()}
    grid = grid_of_names(kinds)
    return Table(frame, kinds, Roles(target=about.target), source=name, notes=(about.about,), grids={} if grid is None else {"image": grid})
