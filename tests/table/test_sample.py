"""The bundled tables are what their descriptions say, and equal to what scikit-learn gives."""

import subprocess
import sys

import numpy as np
import pytest

from assay.core.errors import SourceError
from assay.table import read, sample, samples, task_of


@pytest.mark.parametrize("about", samples(), ids=lambda s: s.name)
def test_samples_are_as_described(about) -> None:  # type: ignore[no-untyped-def]
    table = sample(about.name)
    assert (table.rows, len(table.columns), table.roles.target, task_of(table)) == (about.rows, about.columns, about.target, about.task)
    assert read(about.name).fingerprint == table.fingerprint


def test_samples_equal_those_of_scikit_learn() -> None:
    from sklearn import datasets

    for name, load in (("iris", datasets.load_iris), ("wine", datasets.load_wine), ("breast-cancer", datasets.load_breast_cancer)):
        table, bunch = sample(name), load()
        assert np.array_equal(table.frame.select(table.features).to_numpy(), bunch.data)
        assert table.frame[table.columns[-1]].to_list() == bunch.target_names[bunch.target].tolist()
    table, bunch = sample("diabetes"), datasets.load_diabetes(scaled=False)
    assert np.allclose(table.frame.select(table.features).to_numpy(), bunch.data)
    assert np.array_equal(table.frame["progression"].to_numpy(), bunch.target)
    assert np.array_equal(sample("digits").frame["digit"].to_numpy(), datasets.load_digits().target)


def test_unknown_samples_offer_the_nearest() -> None:
    with pytest.raises(SourceError, match="did you mean 'wine'"):
        sample("whine")


def test_reading_imports_no_heavy_library() -> None:
    heavy = ("torch", "sklearn", "pandas", "scipy", "pyarrow")
    code = f"import sys; from assay.table import read; read('iris').fingerprint; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
