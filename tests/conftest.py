"""What every test shares: the real data sets, and one seeded generator."""

from pathlib import Path

import numpy as np
import pytest
from tests.shapes import execute_shapes

execute_shapes()

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; tests that need it say so when they skip."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data sets, which are not at {SHARED}")
    return SHARED


@pytest.fixture
def rng() -> np.random.Generator:
    """One seeded generator a test."""
    return np.random.default_rng(20)
