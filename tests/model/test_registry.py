"""The table of families, the ladder in its order, each model imported when it is asked for."""

import itertools
import subprocess
import sys

import pytest

from assay.core.errors import OptionError
from assay.model.family import BOTH_TASKS, FAMILIES
from assay.model.registry import MODELS, family, ladder_names, model_class, refuse_unfit

CLASSICAL = [one.name for one in FAMILIES if not one.needs_torch]


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_family_is_found_under_its_own_name(name):
    assert MODELS[name].name == name
    assert model_class(name) is MODELS[name]


def test_names_are_told_once_and_in_order_of_complexity():
    assert len(MODELS) == len(FAMILIES) == len(set(MODELS))
    places = [MODELS[name].complexity for name in CLASSICAL]
    assert places == sorted(places)


@pytest.mark.parametrize("text", [False, True])
def test_the_ladder_climbs(text):
    rungs = [MODELS[name].complexity for name in ladder_names(torch_available=False, text=text)]
    assert rungs[0] == 0
    assert all(low < high for low, high in itertools.pairwise(rungs))


def test_the_ladder_of_a_plain_table_is_the_usual_one():
    assert ladder_names(torch_available=True) == ("constant", "one-rule", "linear", "boosting", "mlp")


def test_a_text_brings_naive_bayes_where_there_are_classes():
    assert "naive-bayes" in ladder_names(torch_available=False, text=True)
    assert "naive-bayes" not in ladder_names(torch_available=False, text=True, task="regression")


@pytest.mark.parametrize("one", FAMILIES, ids=lambda one: one.name)
def test_every_row_of_the_table_is_filled(one):
    assert one.tasks
    assert set(one.tasks) <= set(BOTH_TASKS)
    assert set(one.reads) <= {"numbers", "categories", "text", "images", "sequence"}
    assert one.assumes
    assert not one.assumes.endswith(".")
    assert one.on_text_ladder or not one.on_ladder


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'boosting'"):
        model_class("bosting")


def test_a_family_for_the_other_task_names_those_that_fit():
    with pytest.raises(OptionError, match=r"'naive-bayes' is for classification, this task is regression; take one of .*linear"):
        refuse_unfit("naive-bayes", "regression")
    for name in BOTH_TASKS:
        refuse_unfit("linear", name)
    assert family("naive-bayes").tasks == ("classification",)


def test_classical_models_import_neither_torch_nor_scikit_learn():
    program = (
        "import sys; from assay.model.registry import MODELS, family\n"
        "[MODELS[n] for n in MODELS if not family(n).needs_torch]\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'torch', 'sklearn', 'scipy', 'pandas'}))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_the_table_needs_the_standard_library_only():
    program = "import sys; import assay.model.registry; print(sorted({m.partition('.')[0] for m in sys.modules} & {'numpy', 'polars'}))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"
