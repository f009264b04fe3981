"""An embed run: read texts, count their words, learn vectors, compare them with people's judgements, report."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.artifact.arrays import write_arrays
from assay.core.evidence import plain
from assay.core.files import write_json, write_text
from assay.evaluate.word_similarity import Judgements, Questions, evaluate_words, read_collection
from assay.face.embedding_view import N_MAPPED, EmbeddingView, flat_map, shown_neighbours, telling_words
from assay.face.job.embedding_settings import EmbeddingSettings
from assay.face.job.embedding_source import Texts, read_texts
from assay.face.job.stages import finished, stem_of, versions
from assay.face.progress import Progress, Silent
from assay.model.vectors import WordVectors
from assay.model.vocabulary import Vocabulary, WordStream, read_words
from assay.train.folder import RunFolder, free_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.model.word2vec import State, Word2Vec

WORDS_FILE, VECTORS_FILE, SHOWN_FILE = "words.json", "vectors.npz", "embedding.json"
TOLD_EVERY_SECONDS = 0.1


@dataclass(frozen=True)
class Learned:
    """Vectors and what is told of how they were learned.

    Attributes:
        vectors: One a word.
        told: Fields of the view that depend on the method.
        arrays: Further arrays to keep.
        is_interrupted: The user ended the training early.
    """

    vectors: WordVectors
    told: dict[str, Any]
    arrays: dict[str, NDArray[np.float32]]
    is_interrupted: bool = False


def run(settings: EmbeddingSettings, *, out: str | Path | None = None, overwrite: bool = False, progress: Progress | None = None) -> Path:
    """Do the whole job and keep it as a run folder.

    Args:
        settings: What is asked, of which texts.
        out: The run folder; the next free one under runs/ when None.
        overwrite: Replace an earlier run in `out`.
        progress: Listener; silent when None.

    Returns:
        The run folder.

    Raises:
        InputError: a text, an option or this installation cannot be used; nothing is left behind.
        RunError: the folder holds a run already, or cannot be written.
        Interrupted: a KeyboardInterrupt that came when something was learned; the vectors so far are kept.
    """
    listener = progress or Silent()
    stem = f"{stem_of(settings.sources[0])}-embed"
    path = Path(out) if out is not None else free_name(Path("runs"), stem)
    RunFolder.refuse(path, overwrite=overwrite)
    collections = [read_collection(file) for file in settings.evaluate]
    listener.stage("read")
    texts = read_texts(settings)
    vocabulary, stream = read_words(texts.documents, min_count=settings.min_count, most_words=settings.words)
    learned = _learn(settings, vocabulary, stream, listener)
    record: dict[str, Any] = {
        "config": settings.to_json(),
        "command": settings.command(None if out is None else str(out)),
        "fingerprint": texts.fingerprint,
        "versions": versions(),
        "notes": list(texts.notes),
    }
    if out is None:  # another run may have taken the name while this one learned
        path = free_name(Path("runs"), stem)
    folder = RunFolder.create(path, record, overwrite=overwrite)

    def work() -> None:
        _keep(folder, settings, learned, collections, texts, stream, listener)
        folder.update(seconds={"train": learned.told["seconds"]})
        if learned.is_interrupted:
            raise KeyboardInterrupt

    return finished(folder, work)


def _learn(settings: EmbeddingSettings, vocabulary: Vocabulary, stream: WordStream, listener: Progress) -> Learned:
    if settings.is_predicting:
        return _word2vec(settings, vocabulary, stream, listener)
    listener.stage(settings.method)
    started = time.monotonic()
    cut = stream.passages(settings.passage)
    if settings.method == "lsa":
        from assay.model.lsa import fit_lsa

        lsa = fit_lsa(vocabulary, cut, dim=settings.numbers, seed=settings.seed)
        seconds = time.monotonic() - started
        n_texts, dim = len(cut.starts) - 1, lsa.words.shape[1]
        short = (f"{settings.numbers} numbers a vector were asked for, {n_texts:,} passages tell no more than {dim} apart",)
        told = {"engine": "scikit-learn", "seconds": seconds, "explained_share": lsa.explained_share, "texts": n_texts}
        told["notes"] = short if dim < settings.numbers else ()
        return Learned(WordVectors(vocabulary, lsa.words), told, {"documents": lsa.documents})
    from assay.model.lda import fit_lda

    lda = fit_lda(vocabulary, cut, topics=settings.numbers, passes=settings.passes(0), seed=settings.seed)
    told = {
        "engine": "scikit-learn",
        "epochs": settings.passes(0),
        "seconds": time.monotonic() - started,
        "unit": "bits/word",
        "opening": lda.opening_bits,
        "losses": (lda.bits,),
        "topics": lda.topics,
        "texts": len(cut.starts) - 1,
    }
    known = Vocabulary(tuple(vocabulary.words[i] for i in lda.kept), vocabulary.counts[lda.kept])
    return Learned(WordVectors(known, lda.words), told, {"documents": lda.documents})


def _word2vec(settings: EmbeddingSettings, vocabulary: Vocabulary, stream: WordStream, listener: Progress) -> Learned:
    from assay.model.word2vec import engine_for, train_word2vec

    asked = settings.word2vec(stream.raw_words)
    if engine_for(asked, len(stream.ids)) == "numba":
        listener.stage("compile")
    trained = train_word2vec(vocabulary, stream, asked, _Told(listener, settings.method))
    alone = asked.workers == 1 or trained.engine == "torch"
    told = {
        "epochs": len(trained.bits),
        "unit": "bits/prediction",
        "opening": trained.opening_bits,
        "losses": trained.bits,
        "engine": trained.engine,
        "repeatable": alone and not trained.is_interrupted,
        "seconds": trained.seconds,
        "compile_seconds": trained.compile_seconds,
        "words_per_second": trained.words_per_second,
        "notes": _notes(trained, asked.workers, alone=alone),
    }
    return Learned(WordVectors(vocabulary, trained.inputs), told, {"outputs": trained.outputs}, trained.is_interrupted)


def _notes(trained: Word2Vec, workers: int, *, alone: bool) -> tuple[str, ...]:
    notes = []
    if not alone:
        notes.append(f"{workers} workers raced for the vectors, so another run will differ a little; one worker repeats itself bit for bit")
    if trained.engine == "torch" and workers > 1:
        notes.append(f"the plain engine has one worker, {workers} were asked for")
    if trained.is_interrupted:
        notes.append(f"interrupted in pass {len(trained.bits)} after {trained.words_read:,} words; the vectors are those learned so far")
    return tuple(notes)


class _Told:
    """Hands what word2vec tells on to a listener, not more often than it can be read."""

    def __init__(self, listener: Progress, stage: str) -> None:
        self._listener, self._stage, self._next = listener, stage, 0.0

    def __call__(self, state: State) -> None:
        if self._stage:
            self._listener.stage(self._stage)
            self._stage = ""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + TOLD_EVERY_SECONDS
            unit = f"bits/prediction, {state.words_per_second:,.0f} words/s"
            self._listener.update(state.done_share, state.bits, state.seconds_left, unit)


def _keep(
    folder: RunFolder,
    settings: EmbeddingSettings,
    learned: Learned,
    collections: list[Judgements | Questions],
    texts: Texts,
    stream: WordStream,
    listener: Progress,
) -> None:
    """Put the vectors on disk first, then what is measured of them, then the report."""
    vectors = learned.vectors
    write_json(folder.path / WORDS_FILE, {"words": vectors.words, "counts": vectors.vocabulary.counts.tolist()})
    write_arrays(folder.path / VECTORS_FILE, {"inputs": vectors.matrix, **learned.arrays})
    listener.stage("evaluate")
    evaluation = evaluate_words(vectors, collections)
    write_json(folder.path / "evaluation.json", evaluation)
    mapped = telling_words(vectors, N_MAPPED)
    places, share = flat_map(vectors, mapped)
    record = folder.record()
    told = dict(learned.told)
    notes = (*texts.notes, *told.pop("notes", ()))
    view = EmbeddingView(
        name=folder.path.resolve().name,
        folder=str(folder.path),
        state="interrupted" if learned.is_interrupted else "finished",
        command=record["command"],
        config=record["config"],
        sources=settings.sources,
        texts=told.pop("texts", len(texts.documents)),
        raw_words=stream.raw_words,
        vocabulary=len(vectors),
        dim=vectors.dim,
        method=settings.method,
        neighbours=shown_neighbours(vectors),
        places=places,
        map_share=share,
        evaluation=evaluation,
        notes=notes,
        versions=record["versions"],
        fingerprint=texts.fingerprint,
        **told,
    )
    write_json(folder.path / SHOWN_FILE, plain(replace(view, folder="")))
    listener.stage("report")
    from assay.face.report.embedding_page import render

    write_text(folder.path / "report.html", render(view))
