"""Latent semantic analysis finds the axes that the words were written along."""

import numpy as np
import pytest

from assay.core.errors import InputError
from assay.model.lsa import fit_lsa
from assay.model.term_matrix import document_shares, term_counts, term_shares, tf_idf
from assay.model.vectors import WordVectors, cosine
from assay.model.vocabulary import read_words


def pet_books(rng, n: int = 60) -> list[str]:
    words = {"dog": ["dog", "canine", "bone", "bark"], "cat": ["cat", "feline", "mouse", "purr"]}
    return [" ".join(rng.choice(words[kind] + ["pet", "house"], 14)) for kind in ["dog", "cat"] * (n // 2)]


def test_the_second_axis_leads_from_dogs_to_cats(rng):
    vocabulary, stream = read_words(pet_books(rng), min_count=1)
    vectors = WordVectors(vocabulary, fit_lsa(vocabulary, stream, dim=2).words)
    axis = {word: float(vectors[word][1]) for word in vocabulary.words}
    dogs, cats = ([axis[w] for w in side] for side in (("dog", "canine", "bone"), ("cat", "feline", "mouse")))
    assert max(dogs) < 0 < min(cats) or max(cats) < 0 < min(dogs)
    assert max(abs(axis["pet"]), abs(axis["house"])) < 0.3 * min(map(abs, dogs + cats))
    assert vectors.similarity("dog", "canine") > 0.8 > 0.3 > vectors.similarity("dog", "feline")  # noqa: PLR0133


def test_it_is_the_svd(rng):
    vocabulary, stream = read_words(pet_books(rng, 20), min_count=1)
    lsa = fit_lsa(vocabulary, stream, dim=3, weighted=False)
    left, values, right = np.linalg.svd(term_counts(stream, len(vocabulary)).toarray(), full_matrices=False)
    np.testing.assert_allclose(lsa.singular_values, values[:3], rtol=1e-4)
    np.testing.assert_allclose(np.abs(lsa.words), np.abs(right[:3].T * values[:3]), atol=1e-2)
    np.testing.assert_allclose(np.abs(lsa.documents), np.abs(left[:, :3] * values[:3]), atol=1e-2)


def test_bags_forget_the_order_and_shares_the_length():
    texts = ["dog bites cat", "cat bites dog", "cat bites dog " * 3, "bird"]
    vocabulary, stream = read_words(texts, min_count=1)
    counts = term_counts(stream, len(vocabulary))
    bags, shares = counts.toarray(), term_shares(counts).toarray()
    assert np.array_equal(bags[0], bags[1])
    assert not np.array_equal(bags[1], bags[2])
    np.testing.assert_allclose(shares[1], shares[2])
    assert cosine(bags[1], bags[2]) == pytest.approx(1.0)
    np.testing.assert_allclose(np.linalg.norm(tf_idf(counts).toarray(), axis=1), 1.0)
    assert document_shares(counts)[vocabulary.index["bird"]] == 0.25


def test_there_are_no_more_directions_than_texts_tell_apart():
    vocabulary, stream = read_words(["a b c d e", "a b c f g", "h i"], min_count=1)
    assert fit_lsa(vocabulary, stream, dim=50).words.shape == (9, 2)


def test_one_text_is_refused():
    vocabulary, stream = read_words(["a b c"], min_count=1)
    with pytest.raises(InputError, match="compares texts, and 1 was given; give several, or shorter passages"):
        fit_lsa(vocabulary, stream, dim=2)


def test_counting_leaves_the_text_as_it_was():
    vocabulary, stream = read_words(["b a b a b", "c a"], min_count=1)
    before = stream.ids.copy()
    assert term_counts(stream, len(vocabulary)).toarray().tolist() == [[3, 2, 0], [0, 1, 1]]
    assert np.array_equal(stream.ids, before)
