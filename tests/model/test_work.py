"""What a network computes for a row, counted."""

from __future__ import annotations

import torch
from torch import nn

from assay.model.recurrent import Recurrent
from assay.model.work import forward_seconds, multiply_adds


def test_a_convolution_counts_at_every_place():
    assert multiply_adds(nn.Conv2d(3, 8, 3, padding=1), torch.zeros(2, 3, 5, 4)) == 8 * 3 * 9 * 2 * 5 * 4


def test_a_recurrent_layer_counts_at_every_token():
    assert multiply_adds(Recurrent("lstm", 6, 8), torch.zeros(3, 7, 6)) == 4 * 8 * (6 + 8) * 3 * 7


def test_a_table_that_is_looked_up_in_counts_nothing():
    assert multiply_adds(nn.Embedding(100, 4), torch.zeros(5, dtype=torch.int64)) == 0.0


def test_the_network_is_left_without_hooks():
    layer = nn.Linear(2, 2)
    multiply_adds(layer, torch.zeros(1, 2))
    assert not layer._forward_hooks


def test_a_row_costs_by_what_is_computed_for_it():
    layer = nn.Linear(1000, 1000)
    small, large = (forward_seconds(layer, [Tokens(n)]) for n in (1, 100))
    assert 0 < small < large
    assert small == forward_seconds(layer, [Tokens(1), Tokens(1)])


class Tokens(torch.Tensor):
    """Two rows of so many tokens."""

    def __new__(cls, n_tokens):
        return torch.zeros(2, n_tokens, 1000).as_subclass(cls)

    @property
    def rows(self):
        return len(self)
