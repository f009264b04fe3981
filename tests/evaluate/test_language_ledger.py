"""The books of a language model name the context and the layers that its bits came from, and balance."""

import numpy as np
import pytest
import torch

from assay.core.ledger import Side
from assay.evaluate.language import LanguageCandidate, LanguageEvaluation
from assay.evaluate.language_calibration import language_calibration
from assay.evaluate.language_ledger import TokenLosses, by_learner, by_source, language_ledger
from assay.evaluate.language_path import measure, plan, sample
from assay.evaluate.language_text import Stretches, pieces
from assay.model.language import TokenModel
from assay.model.language_loss import mean_bits
from assay.model.language_network import LanguageNetwork
from assay.model.language_ngram import NGram, Unigram
from assay.model.snapshots import Snapshots
from assay.model.tokenizer import CharTokenizer

VOCAB, BLOCK = 6, 8


def echo(rng, n_tokens, back=3, faithful=0.9):
    """Each token repeats the one `back` places before it, or is drawn anew."""
    tokens = rng.integers(0, VOCAB, n_tokens)
    repeats = rng.random(n_tokens) < faithful
    for place in range(back, n_tokens):
        if repeats[place]:
            tokens[place] = tokens[place - back]
    return tokens.astype(np.int32)


def losses(model, unigram, tokens):
    text = Stretches((tokens,), (np.ones_like(tokens),))
    return TokenLosses(text, text.bits(unigram), text.bits(model))


@pytest.fixture(scope="module")
def trained():
    """A small network that learned to repeat the token before, its snapshots, and its texts."""
    rng = np.random.default_rng(3)
    train, held = echo(rng, 3000, back=1), echo(rng, 1200, back=1)
    model = LanguageNetwork("transformer", {"vocab": VOCAB, "layers": 1, "width": 16, "heads": 2, "block": BLOCK})
    model.be_born(torch.Generator().manual_seed(0))
    optimiser = torch.optim.Adam(model.network.parameters(), lr=1e-2)
    tokens, kept = torch.from_numpy(train.astype(np.int64)), [model.flat()]
    for step in range(1, 61):
        starts = torch.from_numpy(rng.integers(0, len(train) - BLOCK - 1, 16))
        blocks = tokens[starts[:, None] + torch.arange(BLOCK + 1)]
        optimiser.zero_grad()
        mean_bits(model.network(blocks[:, :-1]), blocks[:, 1:]).backward()
        optimiser.step()
        if step % 10 == 0:
            kept.append(model.flat())
    snapshots = Snapshots(tuple(range(0, 61, 10)), np.stack(kept))
    unigram = Unigram.learned(train, VOCAB, 1)
    return model, snapshots, losses(model, unigram, held), losses(model, unigram, train[:1200])


def adds_up(side: Side, reduction: float) -> bool:
    return sum(b.held_out for b in side.bookings) + side.remainder == pytest.approx(reduction, abs=1e-9)


def test_bits_are_booked_to_the_place_that_tells_them(rng):
    train, held = echo(rng, 30_000), echo(rng, 3000)
    model = NGram.learned(train, VOCAB, 4)
    found = losses(model, Unigram.learned(train, VOCAB, 1), held)
    side = by_source(model, found, "word", seed=0).side
    amounts = {b.name: b.held_out for b in side.bookings}
    assert list(amounts) == ["1 back", "2 back", "3 back"]
    assert amounts["3 back"] > 0.95 * found.reduction > 1.0
    assert adds_up(side, found.reduction)
    assert abs(side.remainder) < 1e-9
    assert side.balances


def test_a_network_is_cut_at_powers_of_two_and_balances(trained):
    model, _, held, _ = trained
    cut = by_source(model, held, "word", seed=0)
    assert [b.name for b in cut.side.bookings] == ["1 back", "2 back", "3-4 back", "5-8 back"]
    assert cut.side.bookings[0].held_out > 0.7 * held.reduction
    assert adds_up(cut.side, held.reduction)
    assert cut.side.balances
    assert [known for known, _ in cut.curve] == [0, 1, 2, 4, 8]
    assert cut.curve[0][1] == pytest.approx(held.opening.mean())
    assert cut.curve[-1][1] == pytest.approx(held.closing.mean())


def test_a_sample_of_tokens_leaves_a_remainder_within_its_promise(trained):
    model, _, held, _ = trained
    cut = by_source(model, held, "word", seed=0, most_tokens=0)
    assert "256 of 1,199" in cut.side.method
    assert adds_up(cut.side, held.reduction)
    assert cut.side.remainder != 0
    assert cut.side.balances


def test_layers_learn_what_birth_and_end_differ_by(trained):
    model, snapshots, held, learned = trained
    before = model.flat()
    side = by_learner(model, held, learned, snapshots=snapshots, most_tokens=10**6, seed=0)
    assert np.array_equal(model.flat(), before)
    assert [b.name for b in side.bookings] == ["start", *model.spans()]
    assert all(len(b.by_epoch) == 6 for b in side.bookings[1:])
    assert adds_up(side, held.reduction)
    assert side.balances
    assert abs(side.remainder) < 0.03 * held.reduction
    for booking in side.bookings[1:]:
        assert sum(booking.by_epoch) == pytest.approx(booking.held_out)


def test_a_network_without_snapshots_is_one_line(trained):
    model, _, held, learned = trained
    side = by_learner(model, held, learned)
    assert [(b.name, b.held_out) for b in side.bookings] == [("all of it", pytest.approx(held.reduction))]


def test_n_grams_learn_by_their_length_exactly(rng):
    train, held = echo(rng, 5000), echo(rng, 900)
    model, unigram = NGram.learned(train, VOCAB, 4), Unigram.learned(train, VOCAB, 1)
    found, learned = losses(model, unigram, held), losses(model, unigram, train[:900])
    ledger = language_ledger(
        model, found, learned, by_source(model, found, "word", 0), unit="bits/word", snapshots=None, most_tokens=0, seed=0
    )
    assert [b.name for b in ledger.learners.bookings] == ["2-grams", "3-grams", "4-grams"]
    assert adds_up(ledger.learners, ledger.reduction)
    assert ledger.learners.balances
    gap = next(a for a in ledger.adjustments if a.kind == "memorised")
    assert gap.amount == pytest.approx(ledger.closing - ledger.train_closing, abs=0.01)
    assert sum(b.train or 0.0 for b in ledger.learners.bookings) == pytest.approx(learned.reduction)


def test_the_constant_has_books_without_lines(rng):
    train = echo(rng, 500)
    unigram = Unigram.learned(train, VOCAB, 1)
    found = losses(unigram, unigram, train)
    side = by_source(unigram, found, "word", 0).side
    assert (side.bookings, side.remainder) == ((), 0.0)


def test_blocks_of_the_path_count_the_tokens_of_the_closing_balance(trained):
    model, _, held, _ = trained
    some = sample(held, BLOCK, 24, seed=0)
    assert some.inputs.shape == some.targets.shape == (24, BLOCK)
    assert ((some.targets >= 0).sum(axis=1) == BLOCK // 2).all()
    closing = measure(model, (some,))(model.flat())[0][0]
    assert some.opening - closing == pytest.approx(held.reduction, abs=some.astray)


@pytest.mark.parametrize("most_tokens", [0, 10_000, 400_000, 10**8])
@pytest.mark.parametrize("n_segments", [1, 5, 29, 60])
def test_the_plan_of_the_path_is_never_empty_and_keeps_its_bounds(most_tokens, n_segments):
    n_windows, segments, most_gradients = plan(most_tokens, 64, n_segments)
    assert 16 <= n_windows <= 64
    assert 1 <= segments <= min(n_segments, 29)
    assert 4 * segments <= most_gradients <= 400


class Sharpened(TokenModel):
    """An n-gram model whose probabilities are raised to a power: it claims too much."""

    name, complexity = "sharpened", 3

    def __init__(self, model: NGram, power: float) -> None:
        self.model, self.power, self.vocab = model, power, model.vocab

    block = property(lambda self: self.model.block)
    cuts = property(lambda self: self.model.cuts)

    def next_probabilities(self, tokens):
        shares = self.model.next_probabilities(tokens) ** self.power
        return shares / shares.sum()

    def probabilities(self, tokens, places):
        return np.stack([self.next_probabilities(tokens[max(0, p - 1) : p]) for p in places])

    def bits(self, tokens):
        shares = self.probabilities(tokens, np.arange(1, len(tokens)))
        return -np.log2(shares[np.arange(len(tokens) - 1), tokens[1:]])

    cut_bits = state = from_state = describe = None


def test_a_temperature_wins_back_what_overconfidence_lost(rng):
    train, held = echo(rng, 20_000, back=1), echo(rng, 3000, back=1)
    honest, unigram = NGram.learned(train, VOCAB, 2), Unigram.learned(train, VOCAB, 1)
    Sharpened.__abstractmethods__ = frozenset()
    bold = Sharpened(honest, 2.0)
    told, right = language_calibration(bold, losses(bold, unigram, held), seed=0)
    assert told.temperature == pytest.approx(2.0, rel=0.1)
    assert told.gain > 4 * told.gain_se > 0
    assert told.p < 1e-6
    assert right == pytest.approx(0.9 + 0.1 / VOCAB, abs=0.03)
    calm, _ = language_calibration(honest, losses(honest, unigram, held), seed=0)
    assert calm.gain < 2 * calm.gain_se + 0.005
    assert calm.temperature == pytest.approx(1.0, abs=0.1)


def test_the_simplest_of_the_best_models_is_recommended_and_all_of_it_told(trained):
    network, snapshots, held, learned = trained
    train = learned.text.tokens[0]
    models = [Unigram.learned(train, VOCAB, 1), NGram.learned(train, VOCAB, 2), network]
    tokenizer = CharTokenizer("abcde")
    evaluation = LanguageEvaluation(
        [LanguageCandidate(models[0]), LanguageCandidate(models[1], 0.5), LanguageCandidate(network, 2.0, snapshots)],
        held.text,
        learned.text,
        tokenizer,
        "bits/character",
        most_tokens=10**5,
        seed=0,
    )
    found, told = evaluation.evidence()
    assert found.model == told.model == "n-gram"
    assert [r.name for r in found.ladder] == ["constant", "n-gram", "transformer"]
    assert found.ladder[0].reduction == 0.0
    assert found.ledger is not None
    assert found.ledger.model == "n-gram"
    assert {a.kind for a in found.ledger.adjustments} == {"memorised", "miscalibrated"}
    assert found.layers is not None
    assert found.layers.bookings[0].name == "start"
    assert set(told.by_context) == {"n-gram", "transformer"}
    assert told.parameters == network.parameters
    assert found.metrics["perplexity"] == pytest.approx(2**found.ledger.closing)
    place = next(i for i in range(len(held.text.tokens[0])) if i >= len(held.text.tokens[0]) // 2)
    shown = "".join(text for text, _ in told.excerpt)
    assert tokenizer.decode(held.text.tokens[0][place:]).startswith(shown)
    assert told.excerpt[0][1] == pytest.approx(held.text.bits(models[1])[place - 1])
    asked, _ = evaluation.evidence("transformer")
    assert asked.model == "transformer"
    assert asked.ledger is not None
    assert asked.layers == asked.ledger.learners
    assert pieces(tokenizer, [1, 2], [0.0, 1.0]) == (("a", 0.0), ("b", 1.0))
