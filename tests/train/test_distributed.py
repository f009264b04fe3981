"""Several processes take the same steps as one: the same losses, one end for all, and nobody waits for one that is gone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.train import processes
from tests.train.processes import in_processes

NUMBERS = ("train_loss", "valid_loss", "step_loss", "best_loss", "best_se", "weights")
ROUNDING = 1e-11
"""Relative: in double precision a sum over two halves differs from the whole sum in its last digits, and 28 steps carry that on."""


def assert_same(one: dict[str, Any], other: dict[str, Any], rounding: float) -> None:
    for name in NUMBERS:
        np.testing.assert_allclose(one[name], other[name], rtol=rounding, atol=1e-13, err_msg=name)
    for name in ("at_step", "at_epoch", "learning_rate", "stopped", "best", "step"):
        assert one[name] == other[name], name


@pytest.mark.parametrize("world", [2, 3])
def test_several_processes_follow_the_loss_curve_of_one(world: int) -> None:
    alone = processes.train_classes(0)
    for told in in_processes(processes.train_by, {}, world=world):
        assert_same(told, alone, ROUNDING)
        assert told["notes"] == (f"{world} processes share each batch",)


def test_the_last_batch_may_be_too_small_for_all_processes() -> None:
    changes = {"batch_rows": 53, "optimiser": "momentum", "accumulate": 3}
    alone = processes.train_classes(0, **changes)  # 107 rows are two batches and one row
    for told in in_processes(processes.train_by, changes):
        assert_same(told, alone, ROUNDING)


def test_masked_targets_weigh_alike_whichever_process_has_them() -> None:
    alone = processes.train_masked_tokens(0)
    for told in in_processes(processes.train_masked_tokens):
        assert_same(told | {"valid_loss": [], "best_loss": 0.0}, alone | {"valid_loss": [], "best_loss": 0.0}, ROUNDING)


def test_early_stopping_is_one_decision() -> None:
    changes = {"epochs": 60, "patience": 2, "learning_rate": 0.3, "schedule": "constant"}
    first, second = in_processes(processes.train_by, changes)
    assert first["stopped"] == "patience"
    assert 0 < first["best"] < len(first["valid_loss"]) < 60
    assert_same(second, first, 0.0)


@pytest.mark.parametrize("shard", ["never", "always"])
def test_a_resumed_training_ends_like_a_whole_one_bit_for_bit(tmp_path: Path, shard: str) -> None:
    whole, parts = zip(*in_processes(processes.stop_and_resume, tmp_path, shard), strict=True)
    for told in (whole[1], *parts):
        assert_same(told, whole[0], 0.0)


@pytest.mark.parametrize(
    "changes", [{}, {"batch_rows": 53, "accumulate": 3, "clip_norm": 0.5}, {"optimiser": "nesterov", "weight_decay": 0.01}]
)
def test_a_sharded_network_follows_the_loss_curve_of_a_whole_one(changes: dict[str, Any]) -> None:
    alone = processes.train_classes(0, **changes)
    for told in in_processes(processes.train_by, {**changes, "shard": "always"}):
        assert_same(told, alone, ROUNDING)
        assert "part of every weight" in told["notes"][-1]


def test_one_that_fails_takes_the_others_with_it() -> None:
    first, second = in_processes(processes.lose_a_process)
    assert second == "OSError: the disk went away"
    assert first.startswith("RunError: process 0 of 2 lost another one in the middle of a training")


def test_processes_that_were_given_other_rows_are_refused() -> None:
    for told in in_processes(processes.train_unlike):
        assert told.startswith("InputError: process 1 of 2 was given other rows than process 0")


def test_what_one_process_cannot_begin_none_does() -> None:
    first, second = in_processes(processes.refuse_in_one)
    assert first.startswith("InputError: the training data have 0 examples")
    assert second.startswith("RunError: process 0 of 2 cannot go on, so no other does: InputError: the training data have 0 examples")


def test_an_interrupt_of_one_ends_all_after_the_same_step_with_one_checkpoint(tmp_path: Path) -> None:
    first, second = in_processes(processes.interrupt_one, tmp_path)
    assert (first[0], second[0]) == ("interrupted", "interrupted")
    assert first[1] == second[1] == 6
    assert (first[2], second[2]) == (True, False)


def test_a_broken_number_is_named_in_every_process() -> None:
    first, second = in_processes(processes.break_in_one)
    assert first == second
    assert (first[0], first[2]) == ("nonfinite", "input column 'x3'")


def test_process_0_alone_calls_back_and_its_word_counts_for_all() -> None:
    assert in_processes(processes.call_back) == [(2, "callback", 2), (0, "callback", 2)]


def test_a_budget_ends_all_after_the_same_step() -> None:
    first, second = in_processes(processes.spend)
    assert first == second
    assert first[0] == "budget"


def test_a_process_may_train_alone_among_many() -> None:
    first, second = in_processes(processes.run_alone)
    assert len(first) == len(second) == 4
    assert first != second
