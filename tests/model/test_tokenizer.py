"""Tokenisers lose nothing that they know, say what they do not, and travel as JSON."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import OptionError, RunError
from assay.model.tokenizer import KINDS, UNKNOWN_SIGN, WordTokenizer, fit_tokenizer, pieces_of, tokenizer_from_state

LEARNED = "To be, or not to be: that is the question.\nWhether 'tis nobler, größer\tor  ☃ not to be\n" * 3
KEPT = {}


def usual(kind):
    if kind not in KEPT:
        KEPT[kind] = fit_tokenizer(kind, [LEARNED], 300 if kind in ("word", "bpe") else None)
    return KEPT[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_it_learned_from_comes_back_exactly(kind):
    tokenizer = usual(kind)
    tokens = tokenizer.encode(LEARNED)
    assert tokens.dtype == np.int32
    assert 0 <= tokens.min() <= tokens.max() < tokenizer.size
    assert tokenizer.decode(tokens) == LEARNED


@pytest.mark.parametrize("kind", ["byte", "bpe"])
@given(text=st.text(max_size=40))
@settings(max_examples=30, deadline=None)
def test_any_text_comes_back_exactly_where_nothing_is_unknown(kind, text):
    tokenizer = usual(kind)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(st.sampled_from("To be,\nß☃ x\U0001f600"), max_size=40))
@settings(max_examples=30, deadline=None)
def test_widths_add_up_to_the_bytes_of_the_text(kind, text):
    tokenizer = usual(kind)
    tokens = tokenizer.encode(text)
    widths = tokenizer.widths(text, tokens)
    assert len(widths) == len(tokens)
    assert int(widths.sum()) == len(text.encode())


@pytest.mark.parametrize("kind", KINDS)
def test_its_state_is_json_and_makes_an_equal_one(kind):
    tokenizer = usual(kind)
    again = tokenizer_from_state(json.loads(json.dumps(tokenizer.state())))
    assert again.size == tokenizer.size
    assert again.encode(LEARNED + "Zürich").tolist() == tokenizer.encode(LEARNED + "Zürich").tolist()


def test_unknown_characters_and_words_are_named_and_spelled_at_eight_bits_a_byte():
    for kind, text, strange_bytes in (("char", "be Z", 1), ("word", "To be Zürich", len(" Zürich".encode()))):
        tokenizer = usual(kind)
        tokens = tokenizer.encode(text)
        assert tokens[-1] == tokenizer.unknown
        assert tokenizer.decode(tokens)[-1] == UNKNOWN_SIGN
        assert tokenizer.spelled_bits(tokens, tokenizer.widths(text, tokens)) == 8 * strange_bytes + 8
    assert usual("byte").spelled_bits(usual("byte").encode("Z"), np.ones(1, dtype=np.int32)) == 0.0


def test_the_most_frequent_words_are_kept():
    words = fit_tokenizer("word", ["a b b c c c once"], size=3)
    assert isinstance(words, WordTokenizer)
    assert words.words == (" c", " b")


def test_long_texts_are_cut_at_line_ends_or_blanks_and_join_again():
    for text in ("ab cd\n" * 300_000, "ab cd " * 300_000, "x" * 1_500_000):
        pieces = pieces_of(text)
        assert len(pieces) > 1
        assert "".join(pieces) == text
    assert all(piece.endswith("\n") for piece in pieces_of("ab cd\n" * 300_000))


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(OptionError, match="did you mean 'word'"):
        fit_tokenizer("words", ["a"])
    with pytest.raises(OptionError, match="leave --vocab out"):
        fit_tokenizer("char", ["a"], size=100)
    with pytest.raises(OptionError, match="at least 256"):
        fit_tokenizer("bpe", ["a"], size=100)
    with pytest.raises(OptionError, match="at least 2"):
        fit_tokenizer("word", ["a"], size=1)


def test_a_damaged_state_is_refused():
    for state in ({"kind": "char"}, {"kind": "morse"}, {}, {"kind": "bpe", "tokenizers": "{"}):
        with pytest.raises(RunError, match="another version"):
            tokenizer_from_state(state)
