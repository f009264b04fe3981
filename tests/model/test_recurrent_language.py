import math
from itertools import product

import pytest
import torch
from torch import Tensor

from assay.core.errors import InputError, OptionError
from assay.model.decoding import generate
from assay.model.language_loss import mean_bits
from assay.model.recurrent_cell import CELLS
from assay.model.recurrent_language import RecurrentLanguageModel

VOCAB = 17
FORMS = list(product(CELLS, (False, True)))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def born(kind: str, tied: bool = True, *, vocab: int = VOCAB, width: int = 16, seed: int = 0, **given: float) -> RecurrentLanguageModel:
    model = RecurrentLanguageModel(kind, vocab=vocab, width=width, layers=2, tied=tied, **given)  # type: ignore[arg-type]
    model.be_born(generator(seed))
    return model


def some_tokens(rows: int = 4, tokens: int = 12, vocab: int = VOCAB) -> Tensor:
    return torch.randint(vocab, (rows, tokens), generator=generator(3))


@pytest.mark.parametrize(("kind", "tied"), FORMS)
def test_the_loss_at_birth_is_log2_of_the_vocabulary(kind: str, tied: bool) -> None:
    tokens = some_tokens(16, 65, vocab=500)
    loss = mean_bits(born(kind, tied, vocab=500, width=64)(tokens[:, :-1]), tokens[:, 1:]).item()
    assert loss == pytest.approx(math.log2(500), rel=0.02 if tied else 1e-6)


@pytest.mark.parametrize(("kind", "tied"), FORMS)
def test_one_batch_is_learned_by_heart(kind: str, tied: bool) -> None:
    model, tokens = born(kind, tied, width=32), some_tokens()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02, fused=True)
    for _ in range(80):
        loss = mean_bits(model(tokens[:, :-1]), tokens[:, 1:])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss.item() < 0.1


@pytest.mark.parametrize(("kind", "tied"), FORMS)
def test_no_token_learns_of_a_later_one(kind: str, tied: bool) -> None:
    model, tokens = born(kind, tied, seed=4), some_tokens()
    changed = tokens.clone()
    changed[:, 6:] = (changed[:, 6:] + 1) % VOCAB
    assert torch.equal(model(tokens)[:, :6], model(changed)[:, :6])


@pytest.mark.parametrize("kind", CELLS)
def test_a_text_in_pieces_through_the_cache_is_the_text(kind: str) -> None:
    model, tokens = born(kind), some_tokens()
    cache = model.new_cache()
    pieces = [model(piece, cache=cache) for piece in tokens.split([5, 1, 6], dim=1)]
    assert torch.allclose(torch.cat(pieces, dim=1), model(tokens), atol=1e-6)
    assert cache.length == 12


def test_the_cache_follows_the_rows_that_are_kept() -> None:
    model, tokens = born("lstm"), some_tokens()
    rows = torch.tensor([2, 2, 0])
    cache = model.new_cache()
    cache.take(rows)
    model(tokens[:, :5], cache=cache)
    cache.take(rows)
    assert torch.allclose(model(tokens[rows, 5:], cache=cache), model(tokens)[rows, 5:], atol=1e-6)


@pytest.mark.parametrize("kind", CELLS)
def test_it_writes_the_same_with_its_cache_as_without(kind: str) -> None:
    model, prompt = born(kind), some_tokens(1, 3)[0]
    with_cache, without = (generate(model, prompt, 8, temperature=0.0, cache=cache) for cache in (True, False))
    assert torch.equal(with_cache, without)


@pytest.mark.parametrize(("kind", "tied"), FORMS)
def test_the_seed_decides_and_the_global_stream_is_left_alone(kind: str, tied: bool) -> None:
    before = torch.random.get_rng_state()
    first, second, other = (born(kind, tied, dropout=0.5, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.tokens.weight, other.tokens.weight)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("kind", "tied"), FORMS)
def test_every_weight_is_of_one_named_layer_and_gets_a_gradient(kind: str, tied: bool) -> None:
    model, tokens = born(kind, tied), some_tokens()
    model.recurrent.be_born(generator(1))
    if model.output is not None:
        model.output.weight.data.fill_(0.1).mul_(torch.arange(VOCAB)[:, None])
    assert list(model.groups()) == ["embeddings", "layer 1", "layer 2", *([] if tied else ["output"])]
    named = dict(model.named_parameters())
    assert sorted(name for names in model.groups().values() for name in names) == sorted(named)
    mean_bits(model(tokens[:, :-1]), tokens[:, 1:]).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in named.values())


def test_what_is_not_accepted_is_said() -> None:
    with pytest.raises(OptionError, match="vocab = 0"):
        RecurrentLanguageModel("gru", vocab=0)
    with pytest.raises(InputError, match="tokens 0 to 17 are not all in a vocabulary of 17"):
        born("gru")(torch.tensor([[0, 17]]))
