import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import OptionError
from assay.model.attention import SCORES, Attention, allowed_places, attention_weights
from assay.model.key_value_cache import KeyValues
from assay.model.position import POSITIONS


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def layer(width: int = 8, heads: int = 4, **options: object) -> Attention:
    """An attention in float64 with weights large enough for its choices to differ."""
    made = Attention(width, heads, **options).double()  # type: ignore[arg-type]
    made.be_born(torch.Generator().manual_seed(1), std=0.5)
    for seed, parameter in enumerate(made.parameters()):
        parameter.data.add_(0.3 * numbers(*parameter.shape, seed=seed + 10))
    return made.eval()


PADDED = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
WITHIN = ("none", "relative", "rope", "alibi")


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("causal", [False, True], ids=["both ways", "causal"])
@pytest.mark.parametrize("position", WITHIN)
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("kv_heads", [None, 2])
def test_watched_and_fused_are_the_same(kv_heads: int | None, score: str, position: str, causal: bool, masked: bool) -> None:
    attention, x = layer(kv_heads=kv_heads, score=score, position=position), numbers(2, 6, 8)
    mask = PADDED if masked else None
    fused = attention(x, mask=mask, causal=causal)
    assert attention.weights is None
    attention.watch = True
    watched = attention(x, mask=mask, causal=causal)
    assert torch.allclose(fused, watched, rtol=1e-12, atol=1e-13)
    assert attention.weights is not None
    assert attention.weights.shape == (2, 4, 6, 6)
    assert torch.allclose(attention.weights.sum(dim=3), torch.ones(2, 4, 6, dtype=torch.float64), rtol=1e-12)
    if causal:
        assert not attention.weights.triu(1).any()
        assert attention.weights[0, :, 0, 0].tolist() == [1.0] * 4
    if masked:
        assert not attention.weights[1, :, :, 4:].any()


def test_one_head_equals_the_formula_and_every_output_lies_in_the_hull_of_the_values() -> None:
    query, key, value = (numbers(5, 3, seed=s) for s in range(3))
    weights = attention_weights(query @ key.T / math.sqrt(3))
    assert torch.allclose(weights @ value, functional.scaled_dot_product_attention(query, key, value), rtol=1e-12)
    assert (weights >= 0).all()
    taken = weights @ value
    assert (taken.norm(dim=1) <= value.norm(dim=1).max()).all()
    assert (taken >= value.min(dim=0).values).all()
    assert (taken <= value.max(dim=0).values).all()


@pytest.mark.parametrize("bias", [True, False])
def test_multi_head_equals_torchs_own_with_the_same_weights(bias: bool) -> None:
    ours, theirs = layer(12, 3, bias=bias), nn.MultiheadAttention(12, 3, bias=bias, batch_first=True, dtype=torch.float64)
    theirs.in_proj_weight.data.copy_(ours.into.weight)
    theirs.out_proj.weight.data.copy_(ours.out.weight)
    if bias:
        theirs.in_proj_bias.data.copy_(ours.into.bias)
        theirs.out_proj.bias.data.copy_(ours.out.bias)
    x, context, mask = numbers(2, 5, 12), numbers(2, 6, 12, seed=4), PADDED
    assert torch.allclose(ours(x), theirs(x, x, x, need_weights=False)[0], rtol=1e-10, atol=1e-12)
    ours.watch = True
    wanted, weights = theirs(x, context, context, key_padding_mask=~mask, average_attn_weights=False)
    assert torch.allclose(ours(x, context, mask=mask), wanted, rtol=1e-10, atol=1e-12)
    assert ours.weights is not None
    assert torch.allclose(ours.weights, weights, rtol=1e-10, atol=1e-12)
    assert ours.weights.shape == (2, 3, 5, 6)


@pytest.mark.parametrize("watch", [False, True])
@pytest.mark.parametrize("position", WITHIN)
@pytest.mark.parametrize("score", SCORES)
def test_gradients_agree_with_finite_differences(score: str, position: str, watch: bool) -> None:
    attention = layer(4, 2, score=score, position=position, kv_heads=1)
    attention.watch = watch
    names = [n for n, _ in attention.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in attention.parameters()]
    mask = torch.tensor([[True, True, False]])

    def of(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(attention, dict(zip(names, parameters, strict=True)), (x,), {"causal": True, "mask": mask})

    x = numbers(1, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(of, (x, *values), eps=1e-6, rtol=1e-6, atol=1e-7, fast_mode=True)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("position", WITHIN)
def test_with_a_cache_the_numbers_are_those_without(position: str, score: str) -> None:
    attention, x = layer(position=position, score=score, kv_heads=2), numbers(2, 7, 8)
    whole, cache = attention(x, causal=True), KeyValues()
    pieces = [attention(x[:, a:b], causal=True, cache=cache) for a, b in ((0, 3), (3, 4), (4, 7))]
    assert torch.allclose(torch.cat(pieces, dim=1), whole, rtol=1e-11, atol=1e-12)
    assert cache.length == 7


def test_a_cached_context_is_computed_once() -> None:
    attention, x, context, cache = layer(), numbers(2, 3, 8), numbers(2, 5, 8, seed=2), KeyValues()
    first = attention(x[:, :1], context, cache=cache)
    second = attention(x[:, 1:], torch.zeros_like(context), cache=cache)
    assert torch.allclose(torch.cat([first, second], dim=1), attention(x, context), rtol=1e-12)


def test_a_cache_grows_and_its_rows_can_be_taken_in_another_order() -> None:
    cache, key = KeyValues(), numbers(2, 1, 200, 4)
    for piece in key.split(23, dim=2):
        cache.append(piece, -piece)
    assert torch.equal(cache.kept()[0], key)
    cache.take(torch.tensor([1, 1, 0]))
    assert torch.equal(cache.kept()[1], -key[[1, 1, 0]])


def test_fewer_key_heads_are_full_heads_repeated() -> None:
    grouped, full = layer(8, 4, kv_heads=2), layer(8, 4)
    query, key, value = grouped.into.weight.split([8, 4, 4])
    full.into.weight.data.copy_(torch.cat([query, *(part.view(2, 2, 8).repeat_interleave(2, 0).reshape(8, 8) for part in (key, value))]))
    query, key, value = grouped.into.bias.split([8, 4, 4])
    full.into.bias.data.copy_(torch.cat([query, *(part.view(2, 2).repeat_interleave(2, 0).reshape(8) for part in (key, value))]))
    full.out.load_state_dict(grouped.out.state_dict())
    x = numbers(2, 5, 8)
    assert torch.allclose(grouped(x, causal=True), full(x, causal=True), rtol=1e-11)


def test_permuting_the_tokens_permutes_the_outputs_and_the_weights() -> None:
    attention, x, order = layer(), numbers(2, 6, 8), torch.tensor([3, 0, 5, 1, 4, 2])
    attention.watch = True
    straight, weights = attention(x), attention.weights
    permuted, moved = attention(x[:, order]), attention.weights
    assert weights is not None
    assert moved is not None
    assert torch.allclose(permuted, straight[:, order], rtol=1e-11)
    assert torch.allclose(moved, weights[:, :, order][:, :, :, order], rtol=1e-11)
    assert not torch.allclose(moved, weights, atol=1e-3)  # equivariant, not invariant
    assert not torch.allclose(attention(x[:, order], causal=True), attention(x, causal=True)[:, order], atol=1e-3)


@pytest.mark.parametrize("watch", [False, True])
def test_who_may_see_nothing_takes_nothing_and_its_gradients_are_finite(watch: bool) -> None:
    attention, x = layer(bias=False), numbers(2, 3, 8).requires_grad_()
    attention.watch = watch
    y = attention(x, mask=torch.tensor([[True, True, True], [False, False, False]]))
    assert not y[1].any()
    assert torch.isfinite(torch.autograd.grad(y.sum(), x)[0]).all()


def test_shifting_a_sequence_keeps_the_weights_of_relative_positions() -> None:
    x = numbers(1, 6, 8)
    shifted = torch.cat([numbers(1, 1, 8, seed=9), x], dim=1)
    for position in ("relative", "rope", "alibi"):
        attention = layer(position=position)
        mask = torch.tensor([[False] + [True] * 6])
        assert torch.allclose(attention(shifted, mask=mask)[:, 1:], attention(x), rtol=1e-10)


def test_dropped_weights_are_those_of_the_own_generator_and_the_kept_ones_are_undropped() -> None:
    attention, x = layer(dropout=0.5).train(), numbers(1, 6, 8)
    attention.watch, before = True, torch.random.get_rng_state()
    attention.dropout.noise = torch.Generator().manual_seed(3)
    first = attention(x)
    attention.dropout.noise = torch.Generator().manual_seed(3)
    assert torch.equal(attention(x), first)
    assert not torch.allclose(attention.eval()(x), first)
    assert attention.weights is not None
    assert torch.allclose(attention.weights.sum(dim=3), torch.ones(1, 4, 6, dtype=torch.float64))
    assert torch.equal(before, torch.random.get_rng_state())


def test_masks_say_who_sees_whom() -> None:
    seen = allowed_places(2, 4, causal=True)
    assert seen is not None
    assert seen.tolist() == [[True, True, True, False], [True, True, True, True]]
    assert allowed_places(1, 4, causal=True) is None
    by_token = torch.eye(3, dtype=torch.bool)[None]
    attention, x = layer(), numbers(1, 3, 8)
    attention.watch = True
    attention(x, mask=by_token)
    assert attention.weights is not None
    assert torch.equal(attention.weights[0, 0], torch.eye(3, dtype=torch.float64))


def test_scores_grow_with_the_width_unless_scaled_and_then_the_softmax_saturates() -> None:
    query, key = numbers(1, 1024), numbers(64, 1024, seed=1)
    raw, scaled = attention_weights(query @ key.T), attention_weights(query @ key.T / 32)
    assert (query @ key.T / 32).var().item() == pytest.approx(1.0, abs=0.35)
    assert raw.max().item() > 0.9
    assert scaled.max().item() < 0.3


def test_a_soft_dictionary_answers_with_the_value_of_the_nearest_key() -> None:
    countries, capitals = ["France", "Japan", "Peru"], ["Paris", "Tokyo", "Lima"]
    keys = numbers(3, 16, seed=2)
    asked = keys[countries.index("France")] + 0.1 * numbers(16, seed=3)
    weights = attention_weights((asked @ keys.T)[None] / 0.5)[0]
    assert capitals[int(weights.argmax())] == "Paris"
    assert weights.max().item() > 0.9
    assert attention_weights((asked @ keys.T)[None] / 100)[0].max().item() < 0.5


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(OptionError, match="3 heads do not divide width 8; take heads that do, such as 1, 2, 4, 8"):
        Attention(8, 3)
    with pytest.raises(OptionError, match="3 key heads do not divide 4 heads"):
        Attention(8, 4, kv_heads=3)
    with pytest.raises(OptionError, match="no attention score 'dott'; did you mean 'dot'"):
        Attention(8, 4, score="dott")
    with pytest.raises(OptionError, match="shared keys were not given to a layer with own_keys=False"):
        Attention(8, 4, own_keys=False)(torch.ones(1, 2, 8))


def test_positions_added_to_embeddings_leave_attention_alone() -> None:
    for position in set(POSITIONS) - set(WITHIN):
        assert torch.equal(layer(position=position)(numbers(1, 3, 8)), layer()(numbers(1, 3, 8)))
