"""Recurrent networks on texts: how long they learn."""

from __future__ import annotations

import pytest

from assay.model.text_recurrent import Gru, Lstm, Rnn


@pytest.mark.parametrize("kind", [Rnn, Gru, Lstm])
def test_few_texts_are_read_more_often_and_longer_in_vain(kind):
    usual = [kind.usual_lengths(n) for n in (0, 200, 800, 4_000, 100_000)]
    assert [one["epochs"] for one in usual] == [40, 40, 20, 8, 8]
    assert [one["patience"] for one in usual] == [10, 10, 5, 2, 2]


def test_lengths_hang_on_the_rows_alone():
    assert "epochs" not in Lstm.usual_settings
