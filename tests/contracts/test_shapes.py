import re
from importlib import import_module
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError
from tests.shapes import AXES, DTYPES, names_a_shape

import assay
from assay.model.norm import norm

SOURCE = Path(assay.__file__).parent
LAYER_FILES = [f for f in sorted(SOURCE.rglob("*.py")) if "from jaxtyping import" in f.read_text(encoding="utf-8")]


def test_a_wrong_type_is_caught_by_the_executed_annotations() -> None:
    with pytest.raises(TypeCheckError, match="x"):
        norm("layer", 4)(torch.ones(2, 4, dtype=torch.int64))


@pytest.mark.parametrize("file", LAYER_FILES, ids=lambda f: f.stem)
def test_axes_are_of_one_vocabulary(file: Path) -> None:
    shapes = re.findall(rf'(?:{"|".join(DTYPES)})\[Tensor, "([^"]*)"\]', file.read_text(encoding="utf-8"))
    axes = {re.sub(r"^[*#?_]*", "", axis) for shape in shapes for axis in shape.split()}
    words = {a for axis in axes for a in re.findall(r"[a-z_]+", axis)}
    assert words - AXES - {"any"} == set()


@pytest.mark.parametrize("file", LAYER_FILES, ids=lambda f: f.stem)
def test_every_forward_of_a_layer_file_has_its_shapes_executed(file: Path) -> None:
    name = ".".join(("assay", *file.relative_to(SOURCE).with_suffix("").parts))
    layers = [c for c in vars(import_module(name)).values() if isinstance(c, type) and c.__module__ == name and "forward" in vars(c)]
    bare = [c.__name__ for c in layers if not hasattr(vars(c)["forward"], "__wrapped__") or not names_a_shape(vars(c)["forward"])]
    assert bare == [], 'annotate forward with shapes, such as Float[Tensor, "batch tokens width"]'
