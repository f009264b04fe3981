import pytest
from tests.train.tables import part, two_classes

from assay.core.errors import OptionError
from assay.model.contract import Model
from assay.objective.loss import LOSSES
from assay.train.fit import Training
from assay.train.ladder import climb

ROWS = two_classes(200)
PARTS = (part(ROWS, 0, 150), part(ROWS, 150, 200))


def test_models_come_simplest_first_whatever_the_order_asked() -> None:
    skipped: dict[str, str] = {}
    begun: list[str] = []
    done = climb(["one-rule", "constant"], *PARTS, loss=LOSSES["log"], classes=2, seed=0, skipped=skipped, on_start=begun.append)
    assert [one.model.name for one in done] == ["constant", "one-rule"] == begun
    assert skipped == {}


def test_a_model_that_time_does_not_allow_is_skipped_with_its_reason() -> None:
    skipped: dict[str, str] = {}
    done = list(climb(["constant", "linear"], *PARTS, loss=LOSSES["log"], classes=2, seed=0, skipped=skipped, budget_seconds=1e-9))
    assert [one.model.name for one in done] == ["constant"]
    assert "1e-09 s was used up" in skipped["linear"]


def test_what_is_left_is_shared_by_those_still_to_come() -> None:
    shares: dict[str, float | None] = {}

    def note(model: Model, share: float | None) -> Training:
        shares[model.name] = share
        return Training(model, None, None, 0.0)

    names = ["constant", "one-rule", "linear"]
    list(climb(names, *PARTS, loss=LOSSES["log"], classes=2, seed=0, skipped={}, budget_seconds=9.0, fit_one=note))
    assert [round(share or 0) for share in shares.values()] == [3, 4, 9]


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(OptionError, match="linear"):
        list(climb(["lineer"], *PARTS, loss=LOSSES["log"], classes=2, seed=0, skipped={}))
