"""A topic model finds the topics that texts were drawn from."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from assay.core.errors import InputError
from assay.model.lda import fit_lda
from assay.model.vocabulary import read_words


def planted(rng, texts: int, alpha: float) -> tuple[list[str], np.ndarray]:
    """Texts of 40 words from mixtures of 4 topics of 10 words; the main topic of each."""
    mixtures = rng.dirichlet([alpha] * 4, texts)
    drawn = [[rng.choice(4, p=m) for _ in range(40)] for m in mixtures]
    return [" ".join(f"t{t}w{rng.integers(10)}" for t in line) for line in drawn], mixtures.argmax(axis=1)


@pytest.mark.parametrize(("alpha", "least"), [(0.02, 0.9), (0.3, 0.6)])
def test_planted_topics_are_found(alpha, least, rng):
    texts, main = planted(rng, 100, alpha)
    vocabulary, stream = read_words(texts, min_count=1)
    lda = fit_lda(vocabulary, stream, topics=4, most_document_share=0.9)
    assert adjusted_rand_score(main, lda.documents.argmax(axis=1)) > least
    for topic in lda.topics:
        assert len({word[:2] for word, _ in topic.words}) == 1  # the likeliest words are of one planted topic
    assert sum(topic.share for topic in lda.topics) == pytest.approx(1.0)
    assert [t.share for t in lda.topics] == sorted((t.share for t in lda.topics), reverse=True)
    np.testing.assert_allclose(lda.words.sum(axis=1), 1.0, rtol=1e-5)
    assert lda.bits < lda.opening_bits


def test_words_of_most_texts_are_left_out_and_the_seed_fixes_it(rng):
    texts, _ = planted(rng, 40, 0.02)
    vocabulary, stream = read_words([f"the and {text}" for text in texts], min_count=1)
    one, same = (fit_lda(vocabulary, stream, topics=4, passes=3, seed=5, most_document_share=0.9) for _ in range(2))
    assert {vocabulary.words[i] for i in one.kept} == set(vocabulary.words) - {"the", "and"}
    assert np.array_equal(one.words, same.words)


def test_texts_that_share_all_words_are_refused():
    vocabulary, stream = read_words(["a b", "a b", "b a"], min_count=1)
    with pytest.raises(InputError, match="topics need 2 texts or more with words that are not in more than 20% of them, and 0 was left"):
        fit_lda(vocabulary, stream, topics=2)
