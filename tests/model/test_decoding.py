import math
from itertools import product

import pytest
import torch
from tests.model.networks import FORMS, born, language_model, shaken, shape, tokens
from torch import Tensor

from assay.core.errors import InputError, OptionError
from assay.model.decoding import beam_search, generate, next_probabilities, predicting
from assay.model.transformer import EncoderDecoder


class Table:
    """A network that knows the next token from the last one alone; its cache only counts what it read."""

    class Counter:
        def __init__(self) -> None:
            self.read = 0

        def take(self, rows: Tensor) -> None:
            pass

    def __init__(self, probabilities: list[list[float]]) -> None:
        self.logs = torch.tensor(probabilities, dtype=torch.float64).log()
        self.vocab, self.longest, self.training, self.caches = len(probabilities), None, False, []

    def train(self, mode: bool = True) -> None:
        self.training = mode

    def new_cache(self) -> Counter:
        self.caches.append(self.Counter())
        return self.caches[-1]

    def __call__(self, tokens: Tensor, *, cache: Counter | None = None) -> Tensor:
        if cache is not None:
            cache.read += tokens.shape[1]
        return self.logs[tokens]


GARDEN = Table([[0.0, 0.6, 0.4], [0.4, 0.3, 0.3], [0.05, 0.05, 0.9]])  # the likelier first step leads to the unlikelier text


@pytest.mark.parametrize("form", FORMS)
def test_text_with_a_cache_is_that_without_even_beyond_the_longest(form: str) -> None:
    model, prompt = shaken(language_model(form)), tokens(1, 3)[0]
    texts = [generate(model, prompt, 14, generator=torch.Generator().manual_seed(4), cache=cache) for cache in (True, False)]
    assert texts[0].tolist() == texts[1].tolist()
    assert len(texts[0]) == 14


def test_greedy_text_is_the_likeliest_token_each_time() -> None:
    model, prompt = shaken(language_model()), tokens(1, 2)[0]
    text = generate(model, prompt, 5, temperature=0.0)
    so_far = prompt
    for token in text:
        assert token == model(so_far[None])[0, -1].argmax()
        so_far = torch.cat([so_far, token[None]])


def test_a_cached_token_costs_one_tokens_work() -> None:
    network = Table([[0.5, 0.5], [0.5, 0.5]])
    generate(network, torch.tensor([0, 1, 0]), 6)
    assert [cache.read for cache in network.caches] == [3 + 5]


def test_the_generator_fixes_the_text_and_torchs_own_stream_stays_alone() -> None:
    model, prompt, before = language_model(), tokens(1, 2)[0], torch.random.get_rng_state()
    drawn = [generate(model, prompt, 20, generator=torch.Generator().manual_seed(s)).tolist() for s in (0, 0, 1)]
    assert drawn[0] == drawn[1] == generate(model, prompt, 20).tolist()
    assert drawn[0] != drawn[2]
    assert torch.equal(before, torch.random.get_rng_state())


def test_tokens_are_drawn_as_often_as_their_probability_says() -> None:
    text = generate(Table([[0.2, 0.8], [0.2, 0.8]]), torch.tensor([0]), 2_000)
    assert text.float().mean().item() == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / 2_000))


def test_entropy_grows_with_the_temperature_between_certain_and_uniform() -> None:
    logits = torch.tensor([5.0, 4.0, 0.0], dtype=torch.float64)
    assert next_probabilities(logits).tolist() == pytest.approx([0.7275, 0.2676, 0.0049], abs=1e-4)
    entropies = []
    for temperature in (0.0, 0.1, 0.7, 1.5, 10.0, 1e4):
        p = next_probabilities(logits, temperature=temperature)
        assert p.sum().item() == pytest.approx(1.0)
        entropies.append(-torch.special.xlogy(p, p).sum().item())
    assert entropies == sorted(entropies)
    assert entropies[0] == 0.0
    assert entropies[-1] == pytest.approx(math.log(3), rel=1e-4)


def test_top_k_and_top_p_keep_the_likeliest_and_share_out_the_rest() -> None:
    logits = torch.tensor([0.1, 0.5, 0.25, 0.15]).log()
    assert next_probabilities(logits, top_k=1).tolist() == [0.0, 1.0, 0.0, 0.0]
    assert next_probabilities(logits, top_k=2).tolist() == pytest.approx([0.0, 2 / 3, 1 / 3, 0.0])
    assert next_probabilities(logits, top_p=0.5).tolist() == pytest.approx([0.0, 1.0, 0.0, 0.0])
    assert next_probabilities(logits, top_p=0.51).tolist() == pytest.approx([0.0, 2 / 3, 1 / 3, 0.0])
    assert next_probabilities(logits, top_p=1e-6).tolist() == [0.0, 1.0, 0.0, 0.0]
    assert next_probabilities(logits, top_k=9, top_p=1.0).tolist() == pytest.approx([0.1, 0.5, 0.25, 0.15])
    assert next_probabilities(logits, top_k=3, top_p=0.6).tolist() == pytest.approx([0.0, 2 / 3, 1 / 3, 0.0])


def test_a_stop_token_ends_the_text_and_is_its_last() -> None:
    text = generate(Table([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), torch.tensor([0]), 9, stop={2})
    assert text.tolist() == [1, 2]
    assert generate(GARDEN, torch.tensor([0]), 0).tolist() == []


def test_as_many_beams_as_texts_find_the_likeliest_of_all() -> None:
    texts = {}
    for text in product(range(3), repeat=3):
        bits, last = 0.0, 0
        for token in text:
            bits, last = bits - GARDEN.logs[last, token].item() / math.log(2), token
        texts[text] = bits
    best = min(texts, key=texts.__getitem__)
    found = beam_search(GARDEN, torch.tensor([0]), 3, beams=27)
    assert tuple(found[0].tokens.tolist()) == best == (2, 2, 2)
    assert found[0].bits == pytest.approx(texts[best])
    assert [beam.bits for beam in found] == sorted(beam.bits for beam in found)


def test_one_beam_is_greedy_and_two_see_past_the_first_step() -> None:
    start = torch.tensor([0])
    assert beam_search(GARDEN, start, 3, beams=1)[0].tokens.tolist() == generate(GARDEN, start, 3, temperature=0.0).tolist()
    assert beam_search(GARDEN, start, 3, beams=2)[0].tokens.tolist() == [2, 2, 2]


@pytest.mark.parametrize("cache", [True, False])
def test_beams_of_a_transformer_cost_what_the_network_says(cache: bool) -> None:
    model, prompt = shaken(language_model("no bias, rms, rope, silu")), tokens(1, 3)[0]
    for beam in beam_search(model, prompt, 4, beams=3, cache=cache):
        whole = torch.cat([prompt, beam.tokens])[None]
        logs = model(whole).log_softmax(dim=2)[0, 2:-1]
        assert beam.bits == pytest.approx(-logs.gather(1, beam.tokens[:, None]).sum().item() / math.log(2), rel=1e-9)


def test_beams_end_at_a_stop_token_and_length_may_be_forgiven() -> None:
    network = Table([[0.0, 0.5, 0.5], [0.1, 0.8, 0.1], [1.0, 0.0, 0.0]])
    short = beam_search(network, torch.tensor([0]), 5, beams=3, stop={2})
    assert short[0].tokens.tolist() == [2]
    assert beam_search(network, torch.tensor([0]), 5, beams=3, stop={2}, length_power=1.0)[0].tokens.tolist() == [1, 1, 1, 1, 1]


def test_an_encoder_decoder_writes_targets_for_a_source() -> None:
    model = shaken(born(EncoderDecoder(shape(vocab=7), source_vocab=11)))
    source, mask = tokens(1, 6), torch.tensor([[True] * 4 + [False] * 2])
    given = model.given(source, mask)
    texts = [generate(given, torch.tensor([0]), 6, temperature=0.0, cache=cache).tolist() for cache in (True, False)]
    assert texts[0] == texts[1]
    other = source.clone()
    other[0, 4:] = 3
    assert generate(model.given(other, mask), torch.tensor([0]), 6, temperature=0.0).tolist() == texts[0]
    assert beam_search(given, torch.tensor([0]), 6, beams=1)[0].tokens.tolist() == texts[0]
    assert len(beam_search(given, torch.tensor([0]), 6, beams=3)) == 3


def test_dropout_is_off_while_writing_and_on_again_afterwards() -> None:
    model = language_model("dropout").train()
    a, b = (generate(model, tokens(1, 3)[0], 8) for _ in range(2))
    assert torch.equal(a, b)
    assert model.training
    with pytest.raises(RuntimeError, match="stop"), predicting(model):
        raise RuntimeError("stop")
    assert model.training


def test_what_cannot_be_is_refused() -> None:
    model, prompt = language_model(), tokens(1, 2)[0]
    with pytest.raises(InputError, match="an empty prompt, 0 tokens"):
        generate(model, prompt[:0], 3)
    with pytest.raises(InputError, match="prompt tokens 4 to 11 are not all in a vocabulary of 11"):
        beam_search(model, torch.tensor([4, 11]), 3)
    for wrong, told in (({"temperature": -1.0}, "below 0"), ({"top_k": 0}, "leaves no token"), ({"top_p": 1.2}, "no share")):
        with pytest.raises(OptionError, match=told):
            generate(model, prompt, 3, **wrong)
    with pytest.raises(OptionError, match="0 beams"):
        beam_search(model, prompt, 3, beams=0)
