"""A split keeps what it promises: disjoint, complete, classes and groups and time in order."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import ColumnError, InputError, OptionError
from assay.table import Roles, Split, Table, check_parts, concat, read, split, target_of

small = settings(max_examples=40, deadline=None)


def table_of(target: str | None = None, **columns: list[object]) -> Table:
    table = read(columns)
    return table.with_roles(Roles(target=target))


def disjoint_and_complete(cut: Split, rows: int) -> bool:
    return sorted([*cut.train.tolist(), *cut.test.tolist()]) == list(range(rows)) and bool(np.all(np.diff(cut.train) > 0))


@small
@given(st.integers(2, 300), st.floats(0.05, 0.9), st.integers(0, 5))
def test_random_split_is_disjoint_complete_and_of_the_share(rows: int, share: float, seed: int) -> None:
    table = table_of(x=list(range(rows)))
    cut = split(table, test=share, seed=seed)
    assert cut.how == "random"
    assert disjoint_and_complete(cut, rows)
    assert abs(cut.test.size - share * rows) <= 1
    assert np.array_equal(split(table, test=share, seed=seed).test, cut.test)


@small
@given(st.lists(st.sampled_from("aaaabbc"), min_size=5, max_size=200), st.floats(0.1, 0.6), st.integers(0, 5))
def test_stratified_split_keeps_classes_and_rare_ones_in_training(labels: list[str], share: float, seed: int) -> None:
    if len(set(labels)) < 2:
        labels = ["a", *labels, "b"]
    table = table_of("y", y=labels)
    cut = split(table, test=share, seed=seed)
    assert cut.how == "stratified"
    assert disjoint_and_complete(cut, len(labels))
    codes = target_of(table).values
    counts, tested = np.bincount(codes), np.bincount(codes[cut.test], minlength=len(set(labels)))
    assert np.all(np.bincount(codes[cut.train], minlength=counts.size) >= 1)
    assert np.all(np.abs(tested - share * counts) <= 1 + (counts == 1))
    assert abs(cut.test.size - share * len(labels)) <= 1 + (counts == 1).sum()


@small
@given(st.lists(st.integers(0, 12), min_size=4, max_size=150), st.floats(0.1, 0.6), st.integers(0, 5))
def test_split_keeps_groups_together(groups: list[int], share: float, seed: int) -> None:
    groups = [*groups, 100, 101]
    table = table_of(g=[f"g{g}" for g in groups])
    cut = split(table, test=share, group="g", seed=seed)
    assert disjoint_and_complete(cut, len(groups))
    held = np.array(groups)
    assert not set(held[cut.train]) & set(held[cut.test])
    assert abs(cut.test.size - share * len(groups)) <= max(1, np.bincount(held).max())


@small
@given(st.lists(st.integers(0, 30), min_size=4, max_size=150), st.floats(0.1, 0.6))
def test_time_split_tests_on_the_latest_and_cuts_no_tie(times: list[int], share: float) -> None:
    times = [*times, -5, 31]
    cut = split(table_of(t=times), test=share, time="t")
    assert cut.how == "time"
    assert disjoint_and_complete(cut, len(times))
    at = np.array(times)
    assert at[cut.train].max() < at[cut.test].min()


@small
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 20)), min_size=4, max_size=120), st.floats(0.1, 0.6))
def test_group_and_time_split_tests_new_groups_on_later_rows(rows: list[tuple[int, int]], share: float) -> None:
    rows = [*rows, (50, -1), (51, 30)]
    groups, times = np.array(rows).T
    cut = split(table_of(g=[f"g{g}" for g in groups.tolist()], t=times.tolist()), test=share, group="g", time="t")
    assert cut.train.size
    assert cut.test.size
    assert not set(groups[cut.train]) & set(groups[cut.test])
    assert times[cut.train].max() < times[cut.test].min()
    left_out = len(rows) - cut.train.size - cut.test.size
    assert any(f"{left_out:,} later rows" in note for note in cut.notes) == (left_out > 0)


def test_group_split_is_near_the_share_and_the_classes(rng: np.random.Generator) -> None:
    groups = rng.integers(0, 300, 3000)
    label = np.where(rng.random(300) < 0.3, "sick", "well")[groups]
    table = table_of("y", g=[f"g{g}" for g in groups.tolist()], y=label.tolist())
    cut = split(table, test=0.25, group="g", seed=3)
    assert abs(cut.test.size / 3000 - 0.25) < 0.01
    assert abs((label[cut.test] == "sick").mean() - (label == "sick").mean()) < 0.03


def test_rows_without_target_time_or_group() -> None:
    table = table_of("y", y=["a", "b", None, "a", "b", "a"], t=[1, 2, 3, 4, None, 6], g=["u", None, None, "u", "v", "v"])
    cut = split(table, test=0.3, time="t")
    assert sorted([*cut.train.tolist(), *cut.test.tolist()]) == [0, 1, 3, 5]
    assert len(cut.notes) == 2
    grouped = split(table.with_roles(Roles()), test=0.3, group="g")
    assert disjoint_and_complete(grouped, 6)


def test_a_second_table_is_the_test_part() -> None:
    first, second = table_of(x=[1, 2], y=["a", "b"]), table_of(y=["b"], x=[2.5], z=[0])
    both = concat(first, second)
    cut = split(first, test=second)
    assert (cut.train.tolist(), cut.test.tolist(), cut.how) == ([0, 1], [2], "given")
    assert both.frame.rows() == [(1.0, "a"), (2.0, "b"), (2.5, "b")]
    assert "'z'" in both.notes[-1]
    with pytest.raises(InputError, match="lacks 1 of the 2 columns"):
        concat(first, table_of(x=[1]))
    with pytest.raises(InputError, match=r"holds number in .* and category in"):
        concat(first, table_of(x=["?u"], y=["a"]))


def test_unfit_parts_are_refused() -> None:
    table = table_of("y", y=["a", "a", "a", "b", "b", "b"], t=[1, 2, 3, 4, 5, 6], s=["k"] * 6)
    target = target_of(table)
    cut = split(table, test=0.3, time="t", target=target)
    with pytest.raises(InputError, match="all 2 rows of the test part have y = 'b'; a time split"):
        check_parts(cut, target)
    check_parts(split(table, test=0.4, target=target), target)
    with pytest.raises(OptionError, match="leaves a part empty"):
        split(table, test=1.5)
    with pytest.raises(ColumnError, match="holds category values such as"):
        split(table, time="s")
    with pytest.raises(ColumnError, match="in all 6 rows"):
        split(table, group="s")
    with pytest.raises(ColumnError, match="did you mean 't'"):
        split(table, time="T")
    with pytest.raises(InputError, match="no group is new"):
        split(table_of(g=["a", "b", "a", "b"], t=[1, 1, 2, 3]), group="g", time="t")
    with pytest.raises(InputError, match="leave a part empty"):
        split(Table(pl.DataFrame({"x": [1]}), {"x": "number"}))
