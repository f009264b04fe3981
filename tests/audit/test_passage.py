"""Passages that stand on both sides of the cut are found wherever they stand, and nothing else is."""

import numpy as np
import pytest

from assay.audit.passage import compare_texts, repeated_passages, rolling_hash

LETTERS = "abcdefghijklmnopqrstuvwxyz "


def text_of(rng, length):
    return "".join(rng.choice(list(LETTERS), length))


@pytest.mark.parametrize("at", [0, 1, 777, 1936])
def test_a_copied_passage_is_found_wherever_it_stands(rng, at):
    train, test = text_of(rng, 2000), text_of(rng, 640)
    copied = train[:at] + test[128:192] + train[at:]
    starts, n_passages = repeated_passages(copied, test)
    assert (starts.tolist(), n_passages) == ([128], 10)


def test_both_copies_of_a_held_out_passage_count(rng):
    passage = text_of(rng, 64)
    starts, _ = repeated_passages("xyz" + passage, passage + passage)
    assert starts.tolist() == [0, 64]


def test_random_texts_share_nothing(rng):
    starts, n_passages = repeated_passages(text_of(rng, 50_000), text_of(rng, 6400))
    assert (len(starts), n_passages) == (0, 100)


def test_rulers_and_texts_shorter_than_a_passage_are_no_passages():
    assert repeated_passages("-" * 500, "-" * 500)[1] == 0
    assert repeated_passages("short", "short")[1] == 0
    assert [len(x) if hasattr(x, "__len__") else x for x in repeated_passages("short", "x" + LETTERS * 3)] == [0, 1]


def test_texts_longer_than_a_block_are_searched_across_its_ends(rng, monkeypatch):
    monkeypatch.setattr("assay.audit.passage.AT_ONCE", 100)
    train, test = text_of(rng, 1000), text_of(rng, 64)
    for at in (36, 99, 100, 150):
        assert repeated_passages(train[:at] + test + train[at:], test)[0].tolist() == [0]


def test_equal_stretches_hash_equally_and_others_do_not(rng):
    text = text_of(rng, 3000)
    hashes = rolling_hash(text + text, 16)
    assert len(hashes) == 6000 - 15
    np.testing.assert_array_equal(hashes[: 3000 - 15], hashes[3000:])
    assert len(np.unique(hashes[: 3000 - 15])) == 3000 - 15
    with pytest.raises(ValueError, match="power of two"):
        rolling_hash(text, 24)


def test_the_evidence_counts_passages_and_shows_them(rng):
    test = text_of(rng, 640)
    evidence, shown = compare_texts(text_of(rng, 600) + test[:64], test, "position")
    assert (evidence.row, evidence.test_rows, evidence.how) == ("passage", 10, "position")
    assert evidence.duplicates is not None
    assert (evidence.duplicates.rows, evidence.duplicates.row_numbers) == (1, (1,))
    assert shown == (test[:64],)
