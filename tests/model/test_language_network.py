"""A neural language model is judged token by token with the context that it says, and travels as plain arrays."""

import json

import numpy as np
import pytest
import torch

from assay.core.errors import OptionError, RunError
from assay.model import language_network
from assay.model.language_generate import Sampling, beam, written
from assay.model.language_network import LanguageNetwork
from assay.model.language_windows import Windows

VOCAB, BLOCK = 6, 8
KEPT = {}


def usual(family="transformer"):
    if family not in KEPT:
        shape = {"vocab": VOCAB, "layers": 2, "width": 12, "block": BLOCK}
        model = LanguageNetwork(family, shape | ({"heads": 2} if family == "transformer" else {}))
        model.be_born(torch.Generator().manual_seed(1))
        model.load_parameters(model.flat() * 6)
        KEPT[family] = model
    return KEPT[family]


@pytest.fixture
def tokens(rng):
    return rng.integers(0, VOCAB, 45).astype(np.int32)


def asked(model, context):
    """What the network says after a context, asked by itself."""
    with torch.no_grad():
        return torch.log_softmax(model.network(torch.from_numpy(context.astype(np.int64))[None])[0, -1].double(), dim=0).numpy()


@pytest.mark.parametrize("block", [1, 2, 5, 8])
@pytest.mark.parametrize("n_tokens", [2, 5, 8, 9, 10, 23])
def test_every_token_is_counted_once_with_half_a_block_before_it(n_tokens, block):
    windows, tokens = Windows(n_tokens, block), np.arange(n_tokens, dtype=np.int32)
    rows = np.arange(len(windows))
    places, row, column = windows.counted(rows)
    assert sorted(places.tolist()) == list(range(1, n_tokens))
    inputs, follow = windows.inputs(tokens, rows), windows.follow(tokens, rows)
    assert np.array_equal(follow[row, column], places)
    assert np.array_equal(inputs[row, column], places - 1)
    assert (column + 1 >= np.minimum(places, (block + 1) // 2)).all()
    window, position = windows.of(places)
    assert np.array_equal(window, row)
    assert np.array_equal(position, column)


@pytest.mark.parametrize("family", ["transformer", "rnn", "gru", "lstm"])
def test_bits_are_those_of_the_network_on_the_context_of_its_window(family, tokens):
    model = usual(family)
    windows, bits = Windows(len(tokens), BLOCK), model.bits(tokens)
    for place in (1, 5, 8, 9, 12, 13, 44):
        window, position = (int(a[0]) for a in windows.of(np.array([place])))
        context = tokens[place - 1 - position : place]
        assert len(context) == position + 1
        assert place - 1 - position == window * (BLOCK // 2)
        assert bits[place - 1] == pytest.approx(-asked(model, context)[tokens[place]] / np.log(2), abs=1e-4)


def test_batches_of_one_window_give_the_same_bits(tokens, monkeypatch):
    whole = usual().bits(tokens)
    monkeypatch.setattr(language_network, "CELLS_AT_ONCE", 1)
    np.testing.assert_allclose(usual().bits(tokens), whole, atol=1e-5)


def test_probabilities_are_what_bits_are_taken_from(tokens):
    places = np.array([44, 1, 20, 9])
    shares = usual().probabilities(tokens, places)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(-np.log2(shares[np.arange(4), tokens[places]]), usual().bits(tokens)[places - 1], atol=1e-4)


def test_a_cut_context_is_all_that_the_network_sees(tokens):
    places = np.array([2, 10, 44])
    cut = usual().cut_bits(tokens, places, (1, 4))
    for line, context in enumerate((1, 4)):
        for column, place in enumerate(places):
            known = tokens[max(0, place - context) : place]
            assert cut[line, column] == pytest.approx(-asked(usual(), known)[tokens[place]] / np.log(2), abs=1e-4)


def test_the_next_token_comes_from_the_last_block(tokens):
    np.testing.assert_allclose(usual().next_probabilities(tokens), np.exp(asked(usual(), tokens[-BLOCK:])), atol=1e-6)


def test_spans_cover_every_weight_once_in_the_order_of_flat(tokens):
    model = usual()
    spans, flat = model.spans(), model.flat()
    assert sorted(np.concatenate(list(spans.values())).tolist()) == list(range(model.parameters))
    assert next(iter(spans)) == "embeddings"
    model.load_parameters(flat)
    assert np.array_equal(model.flat(), flat)


def test_its_state_makes_an_equal_one(tokens):
    described, arrays = usual().state()
    again = LanguageNetwork.from_state(json.loads(json.dumps(described)), arrays)
    assert np.array_equal(again.bits(tokens), usual().bits(tokens))
    assert again.describe() == usual().describe()
    with pytest.raises(RunError, match="are nothing, expected"):
        LanguageNetwork.from_state(described, {})


def test_an_unknown_family_is_refused_with_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'lstm'"):
        LanguageNetwork("lstmm", {"vocab": 5})


def test_a_text_that_grows_is_read_with_a_cache_of_half_a_block_to_a_whole_one(tokens):
    reading, known = usual().reading(tokens[:3]), 3
    for place in range(3, 30):
        np.testing.assert_allclose(reading.shares(), np.exp(asked(usual(), tokens[place - known : place])), atol=1e-5)
        reading.add(int(tokens[place]))
        known = known + 1 if known < BLOCK else BLOCK // 2


def test_a_prompt_longer_than_a_block_is_cut_to_its_last_block(tokens):
    np.testing.assert_allclose(usual().reading(tokens).shares(), np.exp(asked(usual(), tokens[-BLOCK:])), atol=1e-5)


def test_the_same_seed_writes_the_same_text_and_never_what_is_banned(tokens):
    texts = [[w.token for w in written(usual(), tokens[:4], 30, Sampling(banned=(0, 2)), seed)] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert not {0, 2} & set(texts[0])


@pytest.mark.parametrize("beams", [1, 3])
def test_the_networks_own_beam_search_finds_what_the_general_one_finds(tokens, beams):
    start = tokens[:3]
    own = [w.token for w in beam(usual(), start, 5, beams)]
    general = [w.token for w in beam(usual(), start, 5, beams, banned=(VOCAB - 1,))]
    assert len(own) == len(general) == 5
    bits = [usual().bits(np.concatenate([start, np.array(text, dtype=np.int32)]))[2:].sum() for text in (own, general)]
    assert bits[0] <= bits[1] + 1e-4


@pytest.mark.parametrize("family", ["rnn", "gru", "lstm"])
def test_a_recurrent_network_reads_on_without_end(family, tokens):
    reading = usual(family).reading(tokens[:2])
    for place in range(2, 30):
        np.testing.assert_allclose(reading.shares(), np.exp(asked(usual(family), tokens[:place])), atol=1e-5)
        reading.add(int(tokens[place]))
