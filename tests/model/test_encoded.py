"""Encoded rows can be taken, joined and mixed by source."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from assay.model.encoding import Encoded, replace_sources


def dense(data: Encoded, source: str) -> np.ndarray:
    """All that a source says of each row, as one dense block."""
    blocks = [data.numbers[:, [s == source for s in data.number_sources]], data.codes[:, [s == source for s in data.code_names]]]
    blocks += [bag.toarray() for bag, name in zip(data.bags, data.bag_names, strict=True) if name == source]
    blocks += [
        text.pool.series.to_numpy()[text.rows][:, None] for text, name in zip(data.texts, data.bag_names, strict=True) if name == source
    ]
    return np.concatenate(blocks, axis=1)


def test_sources_are_each_column_once(encoded):
    assert encoded.sources == ("age", "income", "member", "joined", "town", "review")


@given(st.integers(0, 2**32 - 1), st.data())
def test_replacing_sources_mixes_row_by_row(encoded, seed, data):
    rng = np.random.default_rng(seed)
    own, other = (encoded.take(rng.integers(0, encoded.rows, 9)) for _ in range(2))
    mask = data.draw(arrays(bool, (9, len(encoded.sources))))
    mixed = replace_sources(own, other, mask)
    for place, source in enumerate(encoded.sources):
        expected = np.where(mask[:, [place]], dense(own, source), dense(other, source))
        np.testing.assert_array_equal(dense(mixed, source), expected)


def test_one_after_the_other_and_apart_again(encoded):
    first, second = np.arange(10), np.arange(10, 30)
    both = encoded.take(first).followed_by(encoded.take(second))
    assert both.rows == 30
    for source in encoded.sources:
        np.testing.assert_array_equal(dense(both.take(second), source), dense(encoded.take(second), source))
