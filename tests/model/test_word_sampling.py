"""What is drawn has the distributions that the papers name, and lies where it should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from assay.model.vocabulary import WordStream
from assay.model.word_sampling import AliasTable, Draws, keep_shares, random_bits


def stream_of(*texts) -> WordStream:
    ids = np.concatenate([np.array(t, dtype=np.int32) for t in texts])
    return WordStream(ids, np.cumsum([0, *map(len, texts)]), len(ids))


def test_random_bits_are_those_of_splitmix64():
    # Vigna's reference implementation started at 1234567
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert random_bits(1234567, np.arange(1, 6, dtype=np.uint64)).tolist() == known


@pytest.mark.parametrize("subsample", [1e-5, 1e-3, 0.1])
def test_kept_shares_follow_the_formula(subsample):
    counts = np.array([5000, 900, 90, 9, 1])
    share = counts / counts.sum()
    expected = np.minimum(1, (np.sqrt(share / subsample) + 1) * subsample / share)
    np.testing.assert_allclose(keep_shares(counts, subsample), expected, rtol=1e-12)


def test_words_are_kept_by_their_share(rng):
    counts = np.array([70_000, 20_000, 10_000])
    draws = Draws.of(stream_of(np.repeat([0, 1, 2], counts)), counts, subsample=0.05, window=1, negatives=1)
    centres = np.concatenate([draws.windows(i, i + 10_000, 7).outputs[:, 0] for i in range(0, 100_000, 10_000)])
    kept = np.bincount(centres, minlength=3)
    expected = keep_shares(counts, 0.05) * counts
    assert (np.abs(kept - expected) < 4 * np.sqrt(expected) + 1).all()


@pytest.mark.parametrize("seed", range(3))
def test_wrong_answers_have_the_unigram_distribution_to_three_quarters(seed):
    counts = np.array([4000, 800, 800, 150, 50, 9, 1])
    table = AliasTable.of(counts**0.75)
    drawn = np.bincount(table.draw(random_bits(seed, np.arange(200_000, dtype=np.uint64))), minlength=7)
    expected = counts**0.75 / (counts**0.75).sum() * drawn.sum()
    assert chisquare(drawn, expected).pvalue > 1e-4


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40))
def test_an_alias_table_holds_the_distribution(weights):
    weights = np.array(weights)
    table = AliasTable.of(weights)
    own = table.own / 2.0**32
    share = (own + np.bincount(table.alias, 1 - own, len(weights))) / len(weights)
    np.testing.assert_allclose(share, weights / weights.sum(), atol=1e-8)


def test_windows_reach_equally_often_to_each_distance():
    draws = Draws.of(stream_of(np.arange(20_000) % 50), np.full(50, 400), subsample=0, window=4, negatives=2)
    inner = (draws.windows(0, 20_000, 3).contexts >= 0)[10:-10]
    assert (inner == inner[:, ::-1]).all()  # as far to the left as to the right
    reach = inner.sum(axis=1) // 2
    assert chisquare(np.bincount(reach, minlength=5)[1:]).pvalue > 1e-4


def test_contexts_are_the_words_around():
    draws = Draws.of(stream_of(np.arange(9)), np.ones(9, dtype=np.int64), subsample=0, window=1, negatives=1)
    windows = draws.windows(0, 9, 0)
    assert windows.outputs[:, 0].tolist() == list(range(9))
    assert windows.contexts.tolist() == [[-1, 1], [0, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7], [6, 8], [7, -1]]


def test_no_window_reaches_into_another_document_or_span():
    draws = Draws.of(stream_of([0, 1, 2], [], [3], [4, 5]), np.ones(6, dtype=np.int64), subsample=0, window=5, negatives=1)
    windows = draws.windows(0, 6, 1)
    home = {0: 0, 1: 0, 2: 0, 4: 1, 5: 1}
    assert sorted(windows.outputs[:, 0]) == [0, 1, 2, 4, 5]  # word 3 stands alone and gives no window
    for centre, around in zip(windows.outputs[:, 0], windows.contexts, strict=True):
        assert {home[c] for c in around if c >= 0} == {home[centre]}
    halves = [draws.windows(0, 2, 1), draws.windows(2, 6, 1)]
    assert halves[0].contexts.max() <= 1
    assert halves[1].contexts[halves[1].contexts >= 0].min() >= 2


def test_a_wrong_answer_is_never_the_right_one():
    draws = Draws.of(stream_of(np.arange(3000) % 3), np.full(3, 1000), subsample=0, window=2, negatives=4)
    windows = draws.windows(0, 3000, 5)
    assert (windows.outputs[:, 1:] != windows.outputs[:, :1]).all()
    assert (windows.outputs == -1).mean() == pytest.approx(0.8 / 3, abs=0.02)
    assert windows.labels.sum(axis=1).tolist() == [1] * len(windows.labels)


def test_the_tree_asks_the_way_to_the_centre():
    counts = np.array([50, 20, 20, 5, 5])
    draws = Draws.of(stream_of(np.repeat(np.arange(5), counts)), counts, subsample=0, window=2, negatives=0)
    windows = draws.windows(0, 100, 2)
    ways = {(tuple(o[o >= 0]), tuple(y[o >= 0])) for o, y in zip(windows.outputs, windows.labels, strict=True)}
    tree = draws.tree
    assert ways == {(tuple(tree.nodes[a:b]), tuple(1 - tree.turns[a:b])) for a, b in zip(tree.starts[:-1], tree.starts[1:], strict=True)}


def test_the_same_place_gives_the_same_draw_whatever_the_span():
    draws = Draws.of(stream_of(np.arange(400) % 40), np.full(40, 10), subsample=0.02, window=1, negatives=3)
    whole, later = draws.windows(0, 400, 9), draws.windows(200, 400, 9)
    assert np.array_equal(whole.outputs[-50:], later.outputs[-50:])
    assert not np.array_equal(draws.windows(0, 400, 8).outputs[:50], whole.outputs[:50])
