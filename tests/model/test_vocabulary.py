"""Words are counted, numbered by frequency and kept in the order of the text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import InputError, OptionError
from assay.model import vocabulary as module
from assay.model.vocabulary import read_words, words_of


def test_words_of_other_alphabets_are_words():
    assert words_of("Naïve Übung ЖИЗНЬ, 東京 café’s x_1 __init__") == ["naïve", "übung", "жизнь", "東京", "café's", "x_1", "init"]


def test_the_stream_gives_the_text_back_without_rare_words():
    texts = ["the cat saw the dog", "", "a dog saw the cat again"]
    vocabulary, stream = read_words(texts, min_count=2)
    assert vocabulary.words[0] == "the" and set(vocabulary.words) == {"the", "cat", "saw", "dog"}
    assert vocabulary.counts.tolist() == [3, 2, 2, 2]
    assert [[vocabulary.words[i] for i in text] for text in stream.documents] == [
        ["the", "cat", "saw", "the", "dog"],
        [],
        ["dog", "saw", "the", "cat"],
    ]
    assert (stream.raw_words, stream.ids.dtype) == (11, np.int32)


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=12), min_size=1, max_size=6))
def test_counts_are_those_of_the_stream(texts):
    words = [w for text in texts for w in text]
    if len(set(words)) < 2:
        return
    vocabulary, stream = read_words([" ".join(text) for text in texts], min_count=1)
    assert {w: int(n) for w, n in zip(vocabulary.words, vocabulary.counts, strict=True)} == {w: words.count(w) for w in set(words)}
    assert list(vocabulary.counts) == sorted(vocabulary.counts, reverse=True)
    assert [vocabulary.words[i] for i in stream.ids] == words


def test_a_long_text_is_read_in_pieces_without_cutting_a_word(monkeypatch):
    text = " ".join(f"word{i % 50}" for i in range(600)) + "\nnoblanks" * 3
    whole = read_words([text], min_count=1)
    monkeypatch.setattr(module, "PIECE_CHARACTERS", 7)
    cut = read_words([text], min_count=1)
    assert cut[0].words == whole[0].words
    assert np.array_equal(cut[1].ids, whole[1].ids)


def test_at_most_so_many_words():
    vocabulary, stream = read_words(["a a a b b c"], min_count=1, most_words=2)
    assert vocabulary.words == ("a", "b")
    assert len(stream.ids) == 5


@pytest.mark.parametrize(
    ("texts", "options", "says"),
    [
        ([], {}, "holds 0 words, 0 of them distinct"),
        (["", " \n"], {}, "holds 0 words"),
        (["word word word"], {}, "3 words, 1 of them distinct; vectors need at least 2"),
        (["a b c d"], {}, "0 of 4 distinct words occur at least 5 times .--min-count 5. in 4 words"),
    ],
)
def test_too_few_words_are_refused(texts, options, says):
    with pytest.raises(InputError, match=says):
        read_words(texts, **options)


def test_a_count_below_one_is_refused():
    with pytest.raises(OptionError, match="min count is 0, it must be 1 or more"):
        read_words(["a b"], min_count=0)


def test_an_unknown_word_is_answered_with_the_nearest():
    vocabulary, _ = read_words(["king queen"], min_count=1)
    assert vocabulary.number_of("King") == 0
    with pytest.raises(InputError, match="no word 'quen' among the 2 known; did you mean 'queen'"):
        vocabulary.number_of("quen")
