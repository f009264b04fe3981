"""Text is judged in stretches: every token but the first of each is counted once, and bits are divided by their own bytes."""

import numpy as np
import pytest

from assay.evaluate.language_text import Stretches, group_means, pieces, stretches_of
from assay.model.language_ngram import NGram
from assay.model.tokenizer import ByteTokenizer, CharTokenizer, fit_tokenizer


def test_a_short_text_is_one_stretch_and_a_long_one_is_sampled_from_end_to_end():
    text = np.arange(50_000, dtype=np.int32)
    assert len(stretches_of(text, text, 60_000).tokens) == 1
    some = stretches_of(text, text, 17_000)
    assert [len(one) for one in some.tokens] == [4096] * 4
    assert (some.tokens[0][0], some.tokens[-1][-1]) == (0, 49_999)
    assert some.predicted == 4 * 4095


def test_chosen_tokens_are_found_in_their_stretches(rng):
    parts = tuple(rng.integers(0, 9, n).astype(np.int32) for n in (5, 8, 3))
    text = Stretches(parts, parts)
    chosen = np.array([0, 3, 4, 10, 11, 12])
    found = np.zeros(len(chosen), dtype=np.int32)
    for number, places, here in text.places(chosen):
        found[here] = parts[number][places]
    assert np.array_equal(found, text.follow[chosen])


def test_bits_of_stretches_are_those_of_each(rng):
    tokens = rng.integers(0, 4, 400).astype(np.int32)
    model = NGram.learned(tokens, 4, 2)
    text = Stretches((tokens[:9], tokens[50:80]), (tokens[:9], tokens[50:80]))
    np.testing.assert_array_equal(text.bits(model), np.concatenate([model.bits(tokens[:9]), model.bits(tokens[50:80])]))


def test_bits_a_byte_compare_across_tokenisers():
    text = "größer als Größe " * 30
    bits, told = {}, {"byte": 8.0, "char": 8.0 * len(text.encode()) / len(text)}
    for kind, bits_a_token in told.items():
        tokenizer = fit_tokenizer(kind, [text])
        tokens = tokenizer.encode(text)
        whole = Stretches((tokens,), (tokenizer.widths(text, tokens),))
        bits[kind] = whole.bits_per_byte(np.full(len(tokens) - 1, bits_a_token), tokenizer)
    assert bits["byte"] == pytest.approx(8.0)
    assert bits["char"] == pytest.approx(8.0, rel=0.01)


def test_unknown_characters_are_spelled_in_bits_a_byte():
    tokenizer, text = CharTokenizer("ab"), "abxab"
    tokens = tokenizer.encode(text)
    whole = Stretches((tokens,), (tokenizer.widths(text, tokens),))
    assert whole.bits_per_byte(np.ones(4), tokenizer) == pytest.approx((4 + 16) / 4)


def test_group_means_are_those_of_neighbours():
    assert group_means(np.arange(2048.0)).tolist() == [127.5 + 256 * i for i in range(8)]
    assert group_means(np.arange(2560.0)).mean() == pytest.approx(1279.5)
    assert len(group_means(np.arange(3.0))) == 3


def test_pieces_put_the_bytes_of_a_character_together():
    made = pieces(ByteTokenizer(), list("aé😀".encode()), [1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 1.0])
    assert made == (("a", 1.0), ("é", 5.0), ("😀", 4.0))
    assert "".join(text for text, _ in pieces(ByteTokenizer(), [97, 195], [1.0, 2.0])) == "a\ufffd"
    assert pieces(CharTokenizer("a"), [1, 0, 1], [1.0, 9.0, 1.0]) == (("a", 1.0), ("\ufffd", 9.0), ("a", 1.0))
