"""The ladder in its order, each model imported when it is asked for."""

import subprocess
import sys

import pytest

from assay.core.errors import OptionError
from assay.model.registry import MODELS, ladder_names, model_class


def test_names_are_the_models_own_in_ladder_order():
    for place, name in enumerate(ladder_names(torch_available=False)):
        assert MODELS[name].name == name
        assert MODELS[name].complexity == place
    assert list(MODELS) == ["constant", "one-rule", "linear", "boosting", "mlp"]


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'boosting'"):
        model_class("bosting")


def test_classical_models_import_neither_torch_nor_scikit_learn():
    program = (
        "import sys; from assay.model.registry import MODELS, ladder_names\n"
        "[MODELS[n] for n in ladder_names(torch_available=False)]\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'torch', 'sklearn', 'scipy', 'pandas'}))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"
