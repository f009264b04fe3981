import math

import pytest
import torch
from tests.model.networks import FORMS, born, language_model, shaken, shape, tokens
from torch import Tensor, nn

from assay.core.errors import InputError
from assay.model.attention import Attention
from assay.model.dropout import set_noise
from assay.model.language_loss import bits_each, mean_bits
from assay.model.transformer import Decoder, Encoder, EncoderDecoder, LanguageModel, mean_of_tokens

ALL_FORMS = pytest.mark.parametrize("form", FORMS)


def steps(network: nn.Module, loss: object, n_steps: int, lr: float = 1e-2) -> float:
    """The loss in bits after so many steps of Adam."""
    optimiser = torch.optim.Adam(network.parameters(), lr=lr, fused=True)
    for _ in range(n_steps):
        optimiser.zero_grad()
        loss().backward()  # type: ignore[operator]
        optimiser.step()
    return float(loss().item())  # type: ignore[operator]


# -- every language model -----------------------------------------------------------------------------------------------


@ALL_FORMS
@pytest.mark.parametrize(("vocab", "width"), [(2, 16), (65, 128), (300, 32)])
def test_the_loss_at_birth_is_that_of_no_idea(form: str, vocab: int, width: int) -> None:
    model = language_model(form, vocab=vocab, width=width)
    found = mean_bits(model(tokens(64, 8, vocab)), tokens(64, 8, vocab, seed=1)).item()
    assert found == pytest.approx(math.log2(vocab), rel=0.02)


@ALL_FORMS
def test_one_batch_is_learned_by_heart(form: str) -> None:
    model, x, y = language_model(form, width=32), tokens(2, 6), tokens(2, 6, seed=1)
    x[:, 0] = torch.tensor([0, 1])
    x[:, 1:] = torch.arange(2, 7)  # without positions tokens must differ to be told apart
    model.train()
    set_noise(model, torch.Generator().manual_seed(0))
    steps(model, lambda: mean_bits(model(x), y), 70, lr=5e-3)
    assert mean_bits(model.eval()(x), y).item() < 0.1


@ALL_FORMS
def test_the_seed_fixes_the_weights(form: str) -> None:
    a, b, other = language_model(form), language_model(form), language_model(form, seed=1)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.embed.tokens.weight, other.embed.tokens.weight)


@ALL_FORMS
def test_no_token_sees_a_later_one(form: str) -> None:
    model = shaken(language_model(form))
    x = tokens(2, 8)
    other = x.clone()
    other[:, 5] = (other[:, 5] + 1) % 11
    a, b = model(x), model(other)
    assert torch.allclose(a[:, :5], b[:, :5], rtol=1e-12, atol=1e-12)
    assert not torch.allclose(a[:, 5], b[:, 5])
    assert not torch.allclose(a[:, 7], b[:, 7])


@ALL_FORMS
def test_gradients_agree_with_finite_differences(form: str) -> None:
    model = shaken(language_model(form, vocab=5, width=8, layers=1), 0.2)
    x, y = tokens(2, 4, 5), tokens(2, 4, 5, seed=1)
    names = [n for n, _ in model.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in model.parameters()]

    def of(*parameters: Tensor) -> Tensor:
        return mean_bits(torch.func.functional_call(model, dict(zip(names, parameters, strict=True)), (x,)), y)

    assert torch.autograd.gradcheck(of, tuple(values), eps=1e-6, rtol=1e-6, atol=1e-8, fast_mode=True)


@ALL_FORMS
def test_the_watched_way_gives_the_same_numbers_and_weights_that_sum_to_one(form: str) -> None:
    model, x = shaken(language_model(form)), tokens(2, 8)
    fused = model(x)
    layers = [part for part in model.modules() if isinstance(part, Attention)]
    for attention in layers:
        attention.watch = True
    assert torch.allclose(model(x), fused, rtol=1e-10, atol=1e-11)
    for attention in layers:
        assert attention.weights is not None
        assert torch.allclose(attention.weights.sum(dim=3), torch.ones(2, 4, 8, dtype=torch.float64))


@ALL_FORMS
def test_with_a_cache_the_logits_are_those_without(form: str) -> None:
    model, x, pieces = shaken(language_model(form)), tokens(2, 8), []
    cache = model.new_cache()
    with torch.inference_mode():
        whole = model(x)
        for a, b in ((0, 4), (4, 5), (5, 8)):
            pieces.append(model(x[:, a:b], cache=cache))
    assert torch.allclose(torch.cat(pieces, dim=1), whole, rtol=1e-10, atol=1e-10)
    assert cache.length == 8


@ALL_FORMS
def test_groups_hold_every_weight_once_in_the_order_of_the_datas_way(form: str) -> None:
    model = language_model(form)
    assert [n for names in model.groups().values() for n in names] == [n for n, _ in model.named_parameters()]
    first = "layer 1 attention"
    assert list(model.groups())[:2] == ["embeddings", "shared keys" if "shared" in form else first]
    assert "layer 2 feed-forward" in model.groups()


@ALL_FORMS
def test_predicting_is_repeatable_and_leaves_torchs_own_stream_alone(form: str) -> None:
    model, before = language_model(form), torch.random.get_rng_state()
    assert torch.equal(model(tokens(2, 5)), model(tokens(2, 5)))
    model.train()(tokens(2, 5))
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_adds_to_the_residual_stream_is_born_smaller_with_depth() -> None:
    model = LanguageModel(shape(layers=8, width=64))
    born(model)
    block = model.blocks[3]
    assert block.attention.into.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.attention.out.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert block.feed_forward.out.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)


def test_too_long_a_sequence_and_an_unknown_token_are_named() -> None:
    with pytest.raises(InputError, match="9 tokens, and the learned positions end after 8"):
        language_model()(tokens(1, 9))
    with pytest.raises(InputError, match="tokens 3 to 11 are not all in a vocabulary of 11; give 0 to 10"):
        language_model()(torch.tensor([[3, 11]]))
    for form in ("no bias, rms, rope, silu", "alibi, untied, one key head", "relative, two key heads", "post-norm, sinusoidal, relu"):
        assert language_model(form)(tokens(1, 20)).shape == (1, 20, 11)


def test_bits_each_are_the_parts_of_mean_bits_and_untold_targets_do_not_count() -> None:
    logits, y = language_model()(tokens(2, 6)), tokens(2, 6, seed=1)
    y[0, 2:] = -1
    each = bits_each(logits, y)
    assert not each[0, 2:].any()
    assert each.sum().item() / 8 == pytest.approx(mean_bits(logits, y).item(), rel=1e-6)
    chosen = logits.log_softmax(dim=2)[1, 3, y[1, 3]].item()
    assert each[1, 3].item() == pytest.approx(-chosen / math.log(2), rel=1e-5)


def test_a_deep_stack_passes_gradients_in_pre_norm_and_post_norm_but_not_without_norms() -> None:
    def first_over_last(**options: object) -> float:
        torch.manual_seed(0)
        network = Encoder(shape(vocab=0, layers=24, width=32, position="none", activation="relu", **options))
        born(network)
        generator = torch.Generator().manual_seed(0)
        for name, parameter in network.named_parameters():
            if name.endswith("weight") and parameter.dim() == 2:
                parameter.data.normal_(0.0, parameter.shape[1] ** -0.5, generator=generator)
        x = torch.randn(4, 8, 32, generator=generator)
        network(x).mul(torch.randn(4, 8, 32, generator=generator)).mean().backward()
        first, last = (network.blocks[i].feed_forward.into.weight.grad.norm().item() for i in (0, -1))
        return first / last

    assert 0.3 < first_over_last(pre_norm=False) < first_over_last(pre_norm=True) < 10
    assert first_over_last(norm="none") > 1e3


def test_a_language_model_learns_what_a_bigram_table_cannot() -> None:
    """Each token is that of two places before, so that pairs of neighbours say nothing: the bigram entropy is log2 of 4."""
    model = language_model(vocab=4, layers=2, width=32, block=12)
    generator = torch.Generator().manual_seed(0)

    def loss() -> Tensor:
        x = torch.randint(4, (32, 2), generator=generator).repeat(1, 7)[:, :13]
        return mean_bits(model(x[:, :-1]), x[:, 1:].contiguous())

    assert steps(model, loss, 80) < 0.7


# -- encoder, decoder and both ------------------------------------------------------------------------------------------


def test_without_positions_an_encoder_is_permutation_equivariant_and_with_them_it_is_not() -> None:
    order, x = torch.tensor([4, 1, 5, 0, 3, 2]), tokens(2, 6)
    plain, placed = (shaken(born(Encoder(shape(position=p)))) for p in ("none", "learned"))
    assert torch.allclose(plain(x[:, order]), plain(x)[:, order], rtol=1e-9)
    assert not torch.allclose(placed(x[:, order]), placed(x)[:, order], atol=1e-2)


@pytest.mark.parametrize("position", ["learned", "sinusoidal", "relative", "rope", "alibi", "none"])
@pytest.mark.parametrize("shared", [False, True])
def test_padding_does_not_leak(position: str, shared: bool) -> None:
    encoder, x = shaken(born(Encoder(shape(position=position, shared_kv=shared)))), tokens(2, 8)
    mask = torch.tensor([[True] * 5 + [False] * 3, [True] * 8])
    other = x.clone()
    other[0, 5:] = (other[0, 5:] + 3) % 11
    assert torch.allclose(encoder(x, mask)[0, :5], encoder(other, mask)[0, :5], rtol=1e-12)
    assert torch.allclose(encoder(x, mask)[0, :5], encoder(x[:1, :5])[0], rtol=1e-9)
    assert not torch.allclose(encoder(x)[0, :5], encoder(other)[0, :5])


@pytest.mark.parametrize("name", ["layer", "rms", "batch", "group", "instance", "none"])
def test_an_encoder_takes_any_norm_and_vectors_as_well_as_tokens(name: str) -> None:
    encoder = born(Encoder(shape(vocab=0, norm=name)))
    x = torch.randn(2, 6, 16, generator=torch.Generator().manual_seed(0))
    assert encoder(x).shape == (2, 6, 16)
    with pytest.raises(InputError, match="vocab=0"):
        encoder(tokens(2, 6))


def test_the_mean_of_tokens_is_over_those_that_are_no_padding() -> None:
    x = torch.arange(12.0).view(2, 3, 2)
    mask = torch.tensor([[True, False, True], [False, False, False]])
    assert mean_of_tokens(x, mask).tolist() == [[2.0, 3.0], [0.0, 0.0]]
    assert torch.equal(mean_of_tokens(x), x.mean(dim=1))


def test_a_lookup_gives_a_word_one_vector_and_an_encoder_one_a_context() -> None:
    encoder = shaken(born(Encoder(shape())))
    river, money = torch.tensor([[1, 7, 2]]), torch.tensor([[3, 7, 4]])
    assert torch.equal(encoder.embed.tokens.weight[river[0, 1]], encoder.embed.tokens.weight[money[0, 1]])
    assert (encoder(river)[0, 1] - encoder(money)[0, 1]).norm().item() > 0.1


def test_a_decoder_sees_the_context_and_not_its_padding_and_no_later_token() -> None:
    decoder, x = shaken(born(Decoder(shape()))), tokens(2, 6)
    context = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask = torch.tensor([[True] * 3 + [False] * 2, [True] * 5])
    base, changed = decoder(x, context, mask), context.clone()
    changed[0, 3:] += 1.0
    assert torch.allclose(decoder(x, changed, mask), base, rtol=1e-12)
    changed[0, 0] += 1.0
    assert not torch.allclose(decoder(x, changed, mask)[0], base[0])
    other = x.clone()
    other[:, 4] = (other[:, 4] + 1) % 11
    assert torch.allclose(decoder(other, context, mask)[:, :4], base[:, :4], rtol=1e-12)
    cache = decoder.new_cache()
    pieces = [decoder(x[:, a:b], context, mask, cache=cache) for a, b in ((0, 3), (3, 4), (4, 6))]
    assert torch.allclose(torch.cat(pieces, dim=1), base, rtol=1e-9)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_gradients_of_an_encoder_decoder_agree_with_finite_differences(pre_norm: bool) -> None:
    model = shaken(born(EncoderDecoder(shape(vocab=5, width=8, layers=1, pre_norm=pre_norm), source_vocab=6)), 0.2)
    source, x, y = tokens(2, 3, 6), tokens(2, 4, 5), tokens(2, 4, 5, seed=1)
    names = [n for n, _ in model.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in model.parameters()]

    def of(*parameters: Tensor) -> Tensor:
        return mean_bits(torch.func.functional_call(model, dict(zip(names, parameters, strict=True)), (source, x)), y)

    assert torch.autograd.gradcheck(of, tuple(values), eps=1e-6, rtol=1e-6, atol=1e-8, fast_mode=True)
    assert [n for group in model.groups().values() for n in group] == names


def test_an_encoder_decoder_learns_to_turn_a_sequence_round() -> None:
    """The source's three tokens backwards; the first token of the target, 0, only starts it."""
    model = born(EncoderDecoder(shape(vocab=8, width=32, layers=1)))
    assert mean_bits(model(tokens(64, 3, 8), tokens(64, 3, 8)), tokens(64, 3, 8, seed=2)).item() == pytest.approx(3.0, rel=0.02)
    generator = torch.Generator().manual_seed(0)

    def batch() -> tuple[Tensor, Tensor, Tensor]:
        source = torch.randint(1, 8, (64, 3), generator=generator)
        target = source.flip(1)
        return source, torch.cat([torch.zeros(64, 1, dtype=torch.int64), target[:, :-1]], dim=1), target

    def loss() -> Tensor:
        source, shown, target = batch()
        return mean_bits(model(source, shown), target)

    steps(model, loss, 120, lr=3e-3)
    source, shown, target = batch()
    assert (model(source, shown).argmax(dim=2) == target).float().mean().item() > 0.99
