"""Skip-gram beside gensim's at equal settings: words a CPU second, and agreement with people, on the same text in one process.

Peer and settings: gensim 4 (extra `bench`), 100 numbers a vector, window 5, 5 negatives, 5 passes, words of 5 occurrences or more.
Agreement on WordSim-353 and SimLex-999 moves by .03 from seed to seed, which is the margin here. Compilation is paid before the clock
starts.
"""

from __future__ import annotations

import gzip
import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path

from assay.evaluate.word_similarity import Judgements, agreement, read_collection
from assay.model.vectors import WordVectors
from assay.model.vocabulary import Vocabulary, WordStream, read_words, words_of
from assay.model.word2vec import Word2VecSettings, train_word2vec
from benchmarks.measured import Measured

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
LEAST_SPEED_RATIO, SEED_SPREAD = 3.0, 0.03
SENTENCE_WORDS = 10_000


def run(quick: bool) -> Iterator[Measured]:
    """Measure with one worker and with two."""
    text = gzip.decompress((SHARED / "text8_prefix" / "text8_first6.9MB.txt.gz").read_bytes()).decode()
    text = text[: 2_000_000 if quick else None]
    found = [read_collection(SHARED / "word_similarity" / name) for name in ("wordsim353.tsv", "simlex999.txt")]
    judgements = [one for one in found if isinstance(one, Judgements)]
    vocabulary, stream = read_words([text])
    train_word2vec(*read_words([text[:200_000]]), Word2VecSettings(epochs=1, engine="numba"))
    if importlib.util.find_spec("gensim") is None:
        yield Measured("word2vec beside gensim", "not measured", "gensim is not installed (extra bench)", False)
        return
    for workers in (1, 2):
        yield from _beside_gensim(vocabulary, stream, words_of(text), judgements, workers)


def _beside_gensim(
    vocabulary: Vocabulary, stream: WordStream, words: list[str], judgements: list[Judgements], workers: int
) -> Iterator[Measured]:
    from gensim.models import Word2Vec as Peer

    settings = Word2VecSettings(workers=workers, engine="numba")
    began = time.process_time()
    own = train_word2vec(vocabulary, stream, settings)
    speed = own.words_read / (time.process_time() - began)
    sentences = [words[i : i + SENTENCE_WORDS] for i in range(0, len(words), SENTENCE_WORDS)]
    began = time.process_time()
    peer = Peer(
        sentences,
        vector_size=settings.dim,
        window=settings.window,
        negative=settings.negatives,
        epochs=settings.epochs,
        sg=1,
        workers=workers,
    )
    peer_speed = settings.epochs * len(words) / (time.process_time() - began)
    ratio = speed / peer_speed
    figure = f"{ratio:.1f}x ({speed / 1e6:.2f} of {peer_speed / 1e6:.2f} M/s)"
    yield Measured(f"words a CPU second, {workers} worker(s)", figure, "at least 3x gensim's", ratio >= LEAST_SPEED_RATIO)
    theirs = WordVectors.of(peer.wv.index_to_key, peer.wv.vectors)
    for one in judgements:
        ours, other = (agreement(v, one).correlation or 0.0 for v in (WordVectors(vocabulary, own.inputs), theirs))
        promise = f"at most {SEED_SPREAD} under gensim's"
        yield Measured(f"{one.name}, {workers} worker(s)", f"{ours:.3f}, gensim {other:.3f}", promise, ours >= other - SEED_SPREAD)
