import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import InputError, OptionError
from assay.model.position import (
    AlibiPosition,
    LearnedPosition,
    RelativePosition,
    RotaryPosition,
    SinusoidalPosition,
    checked_position,
    sinusoidal,
)


def test_sinusoidal_codes_are_the_published_ones() -> None:
    codes = sinusoidal(2, 4, dtype=torch.float64)
    assert codes[0].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert codes[1].tolist() == pytest.approx([math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)], rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9_000), st.integers(0, 900), st.sampled_from([2, 4, 16, 64]))
def test_the_code_of_a_later_position_is_a_rotation_that_depends_on_the_distance_alone(position: int, distance: int, width: int) -> None:
    here = sinusoidal(1, width, start=position, dtype=torch.float64)[0].view(-1, 2)
    there = sinusoidal(1, width, start=position + distance, dtype=torch.float64)[0].view(-1, 2)
    turn = sinusoidal(1, width, start=distance, dtype=torch.float64)[0].view(-1, 2)
    sine = here[:, 0] * turn[:, 1] + here[:, 1] * turn[:, 0]
    cosine = here[:, 1] * turn[:, 1] - here[:, 0] * turn[:, 0]
    assert torch.allclose(torch.stack([sine, cosine], dim=1), there, atol=1e-11)


def test_ten_thousand_positions_have_codes_of_their_own() -> None:
    codes = sinusoidal(10_000, 64, dtype=torch.float64)
    # the squared distance of two codes is width - 2 * sum over frequencies of cos(frequency * distance), so one row tells of all pairs
    nearest = (codes[1:] - codes[0]).norm(dim=1).min().item()
    assert nearest > 0.5
    assert codes.abs().max().item() <= 1.0


def test_a_grown_sinusoidal_table_goes_on_where_it_was_and_follows_the_type() -> None:
    layer = SinusoidalPosition(8)
    assert torch.equal(layer(5, start=3), sinusoidal(8, 8)[3:])
    assert layer(2, like=torch.zeros(1, dtype=torch.float64)).dtype == torch.float64
    assert list(layer.parameters()) == []


def test_learned_positions_end_with_a_clear_message() -> None:
    layer = LearnedPosition(4, 6)
    assert layer(4).shape == (4, 6)
    assert torch.equal(layer(2, start=1), layer.weight[1:3])
    with pytest.raises(InputError, match="5 tokens, and the learned positions end after 4; give at most 4 tokens"):
        layer(1, start=4)


def test_rope_scores_depend_on_the_distance_alone() -> None:
    layer, generator = RotaryPosition(16), torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, 1, 1, 16, generator=generator, dtype=torch.float64) for _ in range(2))
    scores = [(layer(query, start=at) @ layer(key, start=at - 5).transpose(2, 3)).item() for at in (5, 17, 300, 4_000)]
    assert max(scores) - min(scores) < 1e-10
    other = (layer(query, start=9) @ layer(key, start=3).transpose(2, 3)).item()
    assert abs(other - scores[0]) > 1e-3


def test_rope_turns_and_does_not_stretch() -> None:
    x = torch.randn(2, 3, 7, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turned = RotaryPosition(8)(x)
    assert torch.allclose(turned.norm(dim=3), x.norm(dim=3), rtol=1e-12)
    assert torch.equal(turned[:, :, 0], x[:, :, 0])
    assert torch.allclose(RotaryPosition(8)(x[:, :, 4:], start=4), turned[:, :, 4:], rtol=1e-12)


def test_rope_tables_made_while_predicting_serve_training() -> None:
    layer, x = RotaryPosition(4), torch.ones(1, 1, 3, 4)
    with torch.inference_mode():
        layer(x)
    layer(x.clone().requires_grad_()).sum().backward()


def test_alibi_slopes_are_the_fixed_geometric_ones_and_the_bias_is_minus_slope_times_distance() -> None:
    layer = AlibiPosition(8)
    assert layer.slopes.tolist() == [2.0**-h for h in range(1, 9)]
    assert list(layer.parameters()) == []
    bias = layer(2, 4)
    assert bias.shape == (8, 2, 4)
    assert bias[0].tolist() == [[-1.0, -0.5, 0.0, -0.5], [-1.5, -1.0, -0.5, 0.0]]


def test_relative_scores_are_clipped_and_shifting_changes_nothing() -> None:
    layer = RelativePosition(4, clip=2).double()
    layer.weight.data.copy_(torch.arange(20.0).view(5, 4))
    query = torch.ones(1, 1, 6, 4, dtype=torch.float64)
    added = layer(query, 6)[0, 0]
    assert added[0].tolist() == [38.0, 54.0, 70.0, 70.0, 70.0, 70.0]
    assert torch.equal(added[:-1, :-1], added[1:, 1:])
    assert torch.equal(layer(query[:, :, 4:], 6)[0, 0], added[4:])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(OptionError, match="no positions 'ropes'; did you mean 'rope'"):
        checked_position("ropes")
    with pytest.raises(OptionError, match="width 7 is odd"):
        sinusoidal(3, 7)
    with pytest.raises(OptionError, match="a head of 5 features is odd"):
        RotaryPosition(5)
