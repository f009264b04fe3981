"""N-gram models are distributions, agree with the textbook's formula, and travel as plain arrays."""

import json

import numpy as np
import pytest

from assay.core.errors import RunError
from assay.model.language import drawn
from assay.model.language_ngram import Bigram, NGram, Unigram, growing

VOCAB = 7


@pytest.fixture
def tokens(rng):
    """A second-order chain with structure to learn."""
    shares = rng.dirichlet(np.full(VOCAB, 0.3), size=(VOCAB, VOCAB))
    found = [0, 1]
    for _ in range(3000):
        found.append(int(rng.choice(VOCAB, p=shares[found[-2], found[-1]])))
    return np.array(found, dtype=np.int32)


def test_it_is_a_distribution_that_its_bits_agree_with(tokens):
    model, text = NGram.learned(tokens[:2000], VOCAB, 4), tokens[2000:]
    bits = model.bits(text)
    for place in (0, 1, 2, 3, 40):
        shares = model.next_probabilities(text[: place + 1])
        assert (shares > 0).all()
        assert shares.sum() == pytest.approx(1.0, abs=1e-12)
        assert bits[place] == pytest.approx(-np.log2(shares[text[place + 1]]), abs=1e-12)


def test_each_order_equals_the_model_that_was_learned_with_it(tokens):
    full, text = NGram.learned(tokens[:2000], VOCAB, 4), tokens[2000:]
    for order in (1, 2, 3, 4):
        np.testing.assert_allclose(full.by_order(text)[order - 1], NGram.learned(tokens[:2000], VOCAB, order).bits(text), atol=1e-12)


def test_more_context_lowers_the_loss_down_to_what_made_the_text(tokens):
    losses = NGram.learned(tokens[:2500], VOCAB, 3).by_order(tokens[2500:]).mean(axis=1)
    assert losses[0] > losses[1] + 0.2
    assert losses[1] > losses[2] + 0.2


def test_a_bigram_is_kneser_and_neys_formula_by_hand(rng):
    text = rng.choice(4, size=40, p=(0.5, 0.3, 0.15, 0.05)).astype(np.int32)
    pairs = list(zip(text[:-1].tolist(), text[1:].tolist(), strict=True))
    counts = {pair: pairs.count(pair) for pair in set(pairs)}
    of = [sum(c == n for c in counts.values()) for n in (1, 2, 3, 4)]
    share = of[0] / (of[0] + 2 * of[1])
    by_count = {1: 1 - 2 * share * of[1] / of[0], 2: 2 - 3 * share * of[2] / of[1], 3: 3 - 4 * share * of[3] / max(of[2], 1)}
    if not all(0 < by_count[n] <= n for n in by_count):
        by_count = dict.fromkeys(by_count, share)
    follows = [len({a for a, b in counts if b == w}) for w in range(4)]
    base = [(n + 0.5) / (sum(follows) + 2) for n in follows]
    after_zero = {b: c for (a, b), c in counts.items() if a == 0}
    total, spared = sum(after_zero.values()), sum(by_count[min(c, 3)] for c in after_zero.values())
    wanted = [(after_zero.get(w, 0) - by_count.get(min(after_zero.get(w, 0), 3), 0)) / total + spared / total * base[w] for w in range(4)]
    model = Bigram.learned(text, 4, 2)
    np.testing.assert_allclose(model.next_probabilities(np.array([0], dtype=np.int32)), wanted, atol=1e-12)


def test_cut_contexts_are_the_lower_orders(tokens):
    model, text = NGram.learned(tokens[:2000], VOCAB, 4), tokens[2000:2200]
    places = np.array([5, 50, 150])
    cut = model.cut_bits(text, places, [1, 2, 60])
    np.testing.assert_array_equal(cut, model.by_order(text)[[1, 2, 3]][:, places - 1])


def test_the_constant_is_the_share_of_each_token():
    model = Unigram.learned(np.array([0, 0, 1], dtype=np.int32), 3, 1)
    np.testing.assert_allclose(model.next_probabilities(np.zeros(0, dtype=np.int32)), np.array([2.5, 1.5, 0.5]) / 4.5)
    assert (model.name, model.block) == ("constant", 0)


def test_a_text_shorter_than_the_order_gives_a_lower_one():
    models = list(growing(np.array([0, 1], dtype=np.int32), 2, 5, NGram))
    assert [m.order for m in models] == [1, 2]
    assert models[-1].next_probabilities(np.array([1], dtype=np.int32)).sum() == pytest.approx(1.0)


def test_unseen_tokens_and_contexts_cost_many_bits_but_not_infinitely_many(tokens):
    model = NGram.learned(tokens[:500], VOCAB + 1, 3)
    bits = model.bits(np.array([VOCAB, VOCAB, 0, VOCAB], dtype=np.int32))
    assert np.isfinite(bits).all()
    assert bits[0] > 5


def test_its_state_makes_an_equal_one(tokens):
    model = NGram.learned(tokens, VOCAB, 3)
    described, arrays = model.state()
    again = NGram.from_state(json.loads(json.dumps(described)), arrays)
    assert np.array_equal(again.bits(tokens[:300]), model.bits(tokens[:300]))
    assert again.describe() == model.describe()
    with pytest.raises(RunError, match="lacks"):
        NGram.from_state(described, {"unigram": arrays["unigram"]})


def test_draws_follow_the_distribution_and_its_cuts(rng):
    shares = np.array([0.1, 0.6, 0.3])

    def share_of(token, **options):
        chosen = {"temperature": 1.0, "top_k": None, "top_p": None} | options
        return np.mean([drawn(shares, uniform=u, **chosen) == token for u in np.linspace(0, 1, 1000, endpoint=False)])

    assert share_of(1) == pytest.approx(0.6, abs=0.002)
    assert share_of(1, temperature=0) == 1
    assert share_of(0, top_k=2) == 0
    assert share_of(1, top_k=2) == pytest.approx(2 / 3, abs=0.002)
    assert share_of(0, top_p=0.85) == 0
    assert share_of(1, top_p=0.5) == 1
    assert share_of(1, temperature=0.5) == pytest.approx(0.36 / 0.46, abs=0.002)
