"""Both engines of word2vec: their gradients, that they agree, and what they learn."""

import importlib
import sys

import numpy as np
import pytest
import torch
from tests.model.royal import ANALOGIES, royal_texts

from assay.core.errors import ExtraMissing, OptionError
from assay.model import word2vec as module
from assay.model.vectors import WordVectors
from assay.model.vocabulary import WordStream, read_words
from assay.model.word2vec import State, Word2VecSettings, start_table, train_word2vec
from assay.model.word2vec_torch import TorchEngine
from assay.model.word_sampling import Draws

VARIANTS = [(method, negatives) for method in ("skip-gram", "cbow") for negatives in (4, 0)]
VOCAB, DIM = 12, 13


def draws_of(words: int, negatives: int, window: int = 3) -> Draws:
    ids = np.random.default_rng(4).choice(VOCAB, words, p=np.arange(VOCAB, 0, -1) / 78).astype(np.int32)
    counts = np.maximum(1, np.bincount(ids, minlength=VOCAB))
    return Draws.of(WordStream(ids, np.array([0, words // 3, words]), words), counts, subsample=0.2, window=window, negatives=negatives)


def table(rows: int, dim: int, dtype: type = np.float64) -> np.ndarray:
    return np.random.default_rng(rows).normal(0, 0.5, (rows, dim)).astype(dtype)


def torch_engine(draws: Draws, method: str, dtype: type, **options) -> TorchEngine:
    rows = VOCAB if draws.negatives else VOCAB - 1
    engine = TorchEngine(draws, table(VOCAB, DIM, dtype), rows, averaged=method == "cbow", **options)
    engine._outputs += torch.from_numpy(table(rows, DIM, dtype))
    return engine


def loss_by_pairs(windows, inputs, outputs, method):
    """The loss as the papers write it, one pair at a time."""
    total = torch.zeros((), dtype=torch.float64)
    for contexts, asked, labels in zip(windows.contexts, windows.outputs, windows.labels, strict=True):
        rows = [inputs[c] for c in contexts if c >= 0]
        for v in [sum(rows) / len(rows)] if method == "cbow" else rows:
            for o, label in zip(asked, labels, strict=True):
                if o >= 0:
                    p = 1 / (1 + torch.exp(-(v @ outputs[o])))
                    total = total - torch.log(p if label else 1 - p)
    return total


@pytest.mark.parametrize(("method", "negatives"), VARIANTS)
def test_a_step_is_the_gradient_by_autograd_and_by_differences(method, negatives):
    draws = draws_of(12, negatives)
    engine, windows, rate = torch_engine(draws, method, np.float64), draws.windows(0, 12, 1), 1e-3
    inputs, outputs = (torch.tensor(t, requires_grad=True) for t in (engine.inputs, engine.outputs))
    loss = loss_by_pairs(windows, inputs, outputs, method)
    slopes = torch.autograd.grad(loss, (inputs, outputs))
    nats, predictions = engine.step(windows, slice(None), rate)
    assert nats == pytest.approx(loss.item(), rel=1e-9)
    assert predictions == (len(windows.labels) if method == "cbow" else (windows.contexts >= 0).sum())
    for before, after, slope in ((inputs, engine.inputs, slopes[0]), (outputs, engine.outputs, slopes[1])):
        np.testing.assert_allclose((before.detach().numpy() - after) / rate, slope.numpy(), rtol=1e-6, atol=1e-9)
    direction = torch.from_numpy(np.random.default_rng(1).normal(size=(VOCAB, DIM)))
    ends = [loss_by_pairs(windows, (inputs + s * 1e-5 * direction).detach(), outputs.detach(), method) for s in (1, -1)]
    assert float((ends[0] - ends[1]) / 2e-5) == pytest.approx(float((slopes[0] * direction).sum()), rel=1e-6)


@pytest.fixture
def uncompiled(monkeypatch):
    """The compiled engine's modules, read as plain Python."""
    import numba

    names = ["assay.model.word2vec_step", "assay.model.word2vec_kernel"]
    kept = {name: sys.modules.pop(name, None) for name in names}
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    yield [importlib.import_module(name) for name in names][1]
    for name, one in kept.items():
        sys.modules.pop(name)
        if one is not None:
            sys.modules[name] = one


@pytest.mark.parametrize(("method", "negatives"), VARIANTS)
def test_both_engines_agree_on_a_small_text(method, negatives, uncompiled):
    draws = draws_of(45, negatives)
    plain = torch_engine(draws, method, np.float32, most_windows=1)
    flat = uncompiled.CompiledEngine(draws, plain.inputs, len(plain.outputs), averaged=method == "cbow")
    flat._outputs.reshape(len(plain.outputs), -1)[:, :DIM] = plain.outputs
    with np.errstate(over="ignore"):  # the hash wraps around on purpose
        found = [engine.train(first, first + 15, 3, 0.4) for engine in (flat, plain) for first in (0, 15, 30)]
    for one, other in zip(found[:3], found[3:], strict=True):
        assert one == (pytest.approx(other[0], rel=1e-4), other[1])
    np.testing.assert_allclose(flat.inputs, plain.inputs, atol=2e-5)
    np.testing.assert_allclose(flat.outputs, plain.outputs, atol=2e-5)
    assert not flat._inputs.reshape(VOCAB, -1)[:, DIM:].any()


def compiled_agrees(method: str, negatives: int) -> None:
    from assay.model.word2vec_kernel import CompiledEngine

    draws = draws_of(3000, negatives, window=4)
    plain = torch_engine(draws, method, np.float32, most_windows=1)
    flat = CompiledEngine(draws, plain.inputs, len(plain.outputs), averaged=method == "cbow")
    flat._outputs.reshape(len(plain.outputs), -1)[:, :DIM] = plain.outputs
    one, other = flat.train(0, 600, 3, 0.02), plain.train(0, 600, 3, 0.02)
    assert one == (pytest.approx(other[0], rel=1e-4), other[1])
    np.testing.assert_allclose(flat.inputs, plain.inputs, atol=1e-4)
    np.testing.assert_allclose(flat.outputs, plain.outputs, atol=1e-4)


def test_the_compiled_code_agrees_too():
    compiled_agrees("skip-gram", 4)


def test_the_compiled_code_of_means_and_ways_agrees_too():
    compiled_agrees("cbow", 0)


def royal(seed: int, sentences: int = 700, **options):
    vocabulary, stream = read_words(royal_texts(sentences, seed), min_count=1)
    settings = {"dim": 16, "negatives": 4, "window": 4, "epochs": 4, "subsample": 0, "rate": 0.2, "engine": "numba", "seed": seed}
    trained = train_word2vec(vocabulary, stream, Word2VecSettings(**{**settings, **options}))
    return trained, WordVectors(vocabulary, trained.inputs)


@pytest.mark.parametrize("seed", range(5))
def test_analogies_of_the_toy_text_are_answered(seed):
    _, vectors = royal(seed)
    for a, b, c, d in ANALOGIES:
        assert vectors.analogy([b, c], [a], 1)[0].word == d
        assert vectors.analogy([b, c], [a], 1, with_inputs=True)[0].word == d
    assert vectors.similarity("king", "queen") > 0.3 + vectors.similarity("king", "girl")


@pytest.mark.parametrize(("method", "negatives"), VARIANTS)
def test_the_plain_engine_answers_them_as_well(method, negatives):
    trained, vectors = royal(1, method=method, negatives=negatives, engine="torch")
    assert [vectors.analogy([b, c], [a], 1)[0].word for a, b, c, _ in ANALOGIES] == [d for *_, d in ANALOGIES]
    assert trained.bits[-1] < trained.bits[0] < trained.opening_bits


def test_the_opening_loss_is_a_coin_toss_an_answer():
    ids = np.arange(600, dtype=np.int32) % VOCAB
    stream = WordStream(ids, np.array([0, 600]), 600)
    for negatives in (5, 0):
        draws = Draws.of(stream, np.full(VOCAB, 50), subsample=0, window=2, negatives=negatives)
        engine = TorchEngine(draws, start_table(VOCAB, 8, 0), VOCAB, averaged=False)
        nats, predictions = engine.train(0, 600, 1, 0.0)
        answers = (draws.windows(0, 600, 1).outputs >= 0).sum() / 600  # a wrong answer that is the right one is left out
        assert nats / predictions / np.log(2) == pytest.approx(answers, rel=0.02)


@pytest.mark.parametrize("engine", ["numba", "torch"])
def test_one_worker_and_a_seed_give_the_same_bits(engine):
    (one, _), (same, _), (other, _) = (royal(seed, 150, engine=engine, rate=0.05) for seed in (3, 3, 4))
    assert np.array_equal(one.inputs, same.inputs)
    assert one.bits == same.bits
    assert one.inputs.shape != other.inputs.shape or not np.allclose(one.inputs, other.inputs)


def test_several_workers_learn_as_much(monkeypatch):
    monkeypatch.setattr(module, "SPAN_WORDS", 200)
    alone, several = (royal(2, workers=workers)[0] for workers in (1, 3))
    assert several.bits[-1] == pytest.approx(alone.bits[-1], abs=0.1)
    assert several.words_read == alone.words_read == 4 * 4 * 700


def test_a_listener_hears_how_far_it_is(monkeypatch):
    monkeypatch.setattr(module, "SPAN_WORDS", 500)
    heard: list[State] = []
    vocabulary, stream = read_words(royal_texts(250, 0), min_count=1)
    trained = train_word2vec(vocabulary, stream, Word2VecSettings(dim=4, epochs=2, engine="torch"), heard.append)
    assert [s.done_share for s in heard] == [0.25, 0.5, 0.75, 1.0]
    assert [s.epoch for s in heard] == [1, 1, 2, 2]
    assert (heard[1].bits, heard[3].bits) == trained.bits
    assert heard[-1].seconds_left == 0.0


def test_an_interruption_keeps_what_was_learned(monkeypatch):
    monkeypatch.setattr(module, "SPAN_WORDS", 500)

    def stop(state: State) -> None:
        if state.done_share >= 0.5:
            raise KeyboardInterrupt

    vocabulary, stream = read_words(royal_texts(250, 0), min_count=1)
    trained = train_word2vec(vocabulary, stream, Word2VecSettings(dim=4, epochs=2, engine="torch"), stop)
    assert trained.is_interrupted
    assert trained.words_read == 1000
    assert trained.outputs.any()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"method": "skipgram"}, "no method 'skipgram'; did you mean 'skip-gram'"),
        ({"engine": "nmba"}, "no engine 'nmba'; did you mean 'numba'"),
        ({"dim": 0}, "dim is 0, it must be a whole number from 1 to 4,096"),
        ({"negatives": -1}, "negatives is -1"),
        ({"subsample": 1.0}, "subsample is 1.0, it must be a share from 0"),
        ({"rate": 0.0}, "learning rate is 0.0, it must be above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, says):
    with pytest.raises(OptionError, match=says):
        Word2VecSettings(**options)


def test_engines_are_chosen_by_what_is_there_and_sooner_done(monkeypatch):
    there = {"numba", "torch"}
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: name if name in there else None)
    assert module.engine_for(Word2VecSettings(epochs=1), 10**6) == "numba"
    assert module.engine_for(Word2VecSettings(epochs=1), 10**4) == "torch"
    there.remove("numba")
    assert module.engine_for(Word2VecSettings(), 10**6) == "torch"
    with pytest.raises(ExtraMissing, match=r"'numba' needs the extra 'words'.*assay\[words\]"):
        module.engine_for(Word2VecSettings(engine="numba"), 10**6)
    there.clear()
    with pytest.raises(ExtraMissing, match="word2vec needs the extra 'words'"):
        module.engine_for(Word2VecSettings(), 10**6)


def test_a_rate_that_blows_up_is_named(monkeypatch):
    def blown(self, first, last, seed, rate):
        return float("nan"), last - first

    monkeypatch.setattr(TorchEngine, "train", blown)
    with pytest.raises(OptionError, match=r"not finite after 4 passes at a learning rate of 0\.2; give a lower one with --lr"):
        royal(0, 50, engine="torch")
