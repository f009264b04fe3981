"""`assay embed`, `assay similar` and `assay analogy`: word vectors, and what they know."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from assay.core.errors import Interrupted, OptionError
from assay.face.commands.parser import Parser, command_of, one_of

if TYPE_CHECKING:
    from assay.model.vectors import Neighbour

METHODS = ("skip-gram", "cbow", "lsa", "lda")
DISTANCES = ("cosine", "euclidean", "dot")
ENGINES = ("auto", "numba", "torch")
EMBED_EXAMPLES = """
assay embed novels.txt
assay embed novels/ --method cbow --dim 200 --epochs 10 --workers 4
assay embed reviews.csv --column text --evaluate wordsim353.tsv --evaluate questions-words.txt
assay embed reviews.csv --column text --method lda --dim 20
"""
SIMILAR_EXAMPLES = """
assay similar runs/novels-embed king
assay similar runs/novels-embed king queen
assay similar glove.vec.gz king --n 20 --distance euclidean
"""
ANALOGY_EXAMPLES = """
assay analogy runs/novels-embed king - man + woman
assay analogy runs/novels-embed man king woman
assay analogy runs/novels-embed "paris - france + italy" --with-inputs
"""
VECTORS_HELP = "folder of an embed run, or a file of vectors (.txt, .vec, .bin, also gzipped)"


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `embed`, `similar` and `analogy`."""
    _add_embed(commands)
    similar = command_of(commands, "similar", "list the words nearest to a word, or compare two", SIMILAR_EXAMPLES)
    similar.add_argument("vectors", metavar="RUN", help=VECTORS_HELP)
    similar.add_argument("word", metavar="WORD", help="whose neighbours to list")
    similar.add_argument("other", metavar="WORD", nargs="?", help="say how near this one is instead")
    similar.set_defaults(run=run_similar)
    analogy = command_of(commands, "analogy", "answer a question of the form: king - man + woman", ANALOGY_EXAMPLES)
    analogy.add_argument("vectors", metavar="RUN", help=VECTORS_HELP)
    analogy.add_argument("words", metavar="WORD", nargs="+", help="words with + and - between, or three: man king woman")
    analogy.add_argument("--with-inputs", action="store_true", help="list also the answers with the question's own words allowed")
    analogy.set_defaults(run=run_analogy)
    for command in (similar, analogy):
        command.add_argument("--n", metavar="N", type=int, default=10, help="how many words to list (default 10)")
        command.add_argument(
            "--distance", metavar="NAME", type=one_of(*DISTANCES), default="cosine", help="cosine (default), euclidean or dot"
        )
        command.add_argument("--format", metavar="FORM", type=one_of("text", "json"), default="text", help="text (default) or json")


def _add_embed(commands: argparse._SubParsersAction[Parser]) -> None:
    embed = command_of(commands, "embed", "learn a vector for every word of a text", EMBED_EXAMPLES)
    embed.add_argument("sources", metavar="TEXT", nargs="+", help="text files, gzipped ones, globs, folders, or tables with a text column")
    embed.add_argument("--column", metavar="COLUMN", help="the text column of a table (default: the only one)")
    embed.add_argument(
        "--method", metavar="NAME", type=one_of(*METHODS), default="skip-gram", help="skip-gram (default), cbow, lsa, or lda (topics)"
    )
    embed.add_argument("--dim", metavar="N", type=int, help="numbers a vector (default 100), or topics (default 20)")
    embed.add_argument("--min-count", metavar="N", type=int, default=5, help="leave out words with fewer occurrences (default 5)")
    embed.add_argument("--words", metavar="N", type=int, help="keep at most so many of the most frequent words")
    embed.add_argument("--epochs", metavar="N", type=int, help="passes over the text (default: 5, more for a text under 2 million words)")
    embed.add_argument("--passage", metavar="N", type=int, default=200, help="lsa, lda: words a passage of a long text (default 200)")
    embed.add_argument(
        "--evaluate", metavar="FILE", action="append", default=[], help="word pairs judged by people, or analogy questions; repeatable"
    )
    embed.add_argument("--seed", metavar="N", type=int, default=0, help="fixes the run (default 0)")
    embed.add_argument("--encoding", metavar="NAME", help="of text files, such as utf-8 or cp1252 (default: inferred)")
    embed.add_argument(
        "--out", metavar="FOLDER|FILE", help="run folder (default: runs/NAME-embed); of a file such as vectors.vec: write it too"
    )
    embed.add_argument("--overwrite", action="store_true", help="replace an earlier run in --out")
    embed.add_argument("--quiet", action="store_true", help="print nothing but the report's path")
    group = embed.add_argument_group("skip-gram and cbow")
    group.add_argument("--window", metavar="N", type=int, default=5, help="words to each side at most (default 5)")
    group.add_argument("--negative", metavar="N", type=int, default=5, help="wrong answers to tell the right one from (default 5)")
    group.add_argument("--hierarchical", action="store_true", help="ask a Huffman tree instead of wrong answers")
    group.add_argument(
        "--subsample", metavar="SHARE", type=float, default=1e-3, help="read words of a larger share less often (default 0.001)"
    )
    group.add_argument("--lr", metavar="RATE", type=float, help="learning rate at the start (default 0.025, cbow 0.1); falls linearly")
    group.add_argument("--workers", metavar="N", type=int, default=1, help="threads (default 1, which alone repeats itself bit for bit)")
    group.add_argument(
        "--engine",
        metavar="NAME",
        type=one_of(*ENGINES),
        default="auto",
        help="numba (compiled), torch, or auto (default): the sooner done",
    )
    embed.set_defaults(run=run_embed)


def run_embed(arguments: argparse.Namespace) -> int:
    """Learn vectors and show them."""
    from assay.face.embedding import embedding_view, open_vectors
    from assay.face.job.embedding import run
    from assay.face.job.embedding_settings import EmbeddingSettings
    from assay.face.terminal.embedding import embedding_text
    from assay.face.terminal.progress import live_progress
    from assay.model.vector_files import is_vector_file, write_vectors

    names = [name for name in EmbeddingSettings.__dataclass_fields__ if name not in ("sources", "evaluate")]
    given = {name: getattr(arguments, name) for name in names}
    settings = EmbeddingSettings(tuple(arguments.sources), evaluate=tuple(arguments.evaluate), **given)
    file = Path(arguments.out) if arguments.out and is_vector_file(arguments.out) else None
    if file is not None and file.exists() and not arguments.overwrite:
        raise OptionError(f"{file} is there already; replace it by --overwrite, or choose another --out")
    with live_progress() as progress:
        folder = run(settings, out=None if file else arguments.out, overwrite=arguments.overwrite and file is None, progress=progress)
    try:
        if file is not None:
            write_vectors(file, open_vectors(str(folder)))
        if not arguments.quiet:
            print(embedding_text(embedding_view(folder)))
        if file is not None:
            print(file)
        print(folder / "report.html")
    except KeyboardInterrupt as stop:
        raise Interrupted(folder) from stop
    return 0


def run_similar(arguments: argparse.Namespace) -> int:
    """List neighbours, or say how near two words are."""
    from assay.face.embedding import open_vectors
    from assay.face.terminal.embedding import neighbours_text
    from assay.model.vectors import Neighbour

    vectors = open_vectors(arguments.vectors)
    word = arguments.word
    if arguments.other is None:
        found = vectors.nearest(word, arguments.n, distance=arguments.distance)
    else:
        score = float(vectors.scores(vectors[arguments.other], arguments.distance)[vectors.vocabulary.number_of(word)])
        found = [Neighbour(arguments.other, -score if arguments.distance == "euclidean" else score)]
    if arguments.format == "json":
        print(json.dumps({"word": word, "distance": arguments.distance, "nearest": _listed(found)}, indent=1, ensure_ascii=False))
        return 0
    heading = (
        f"nearest to {word} by {arguments.distance}" if arguments.other is None else f"{word} and {arguments.other} by {arguments.distance}"
    )
    print(neighbours_text(found, heading, is_distance=arguments.distance == "euclidean"))
    return 0


def run_analogy(arguments: argparse.Namespace) -> int:
    """Answer an analogy."""
    from assay.face.embedding import open_vectors, terms_of
    from assay.face.terminal.embedding import neighbours_text

    plus, minus = terms_of(arguments.words)
    vectors = open_vectors(arguments.vectors)
    question = " + ".join(plus) + "".join(f" - {word}" for word in minus)
    answers = {question: vectors.analogy(plus, minus, arguments.n, distance=arguments.distance)}
    if arguments.with_inputs:
        allowed = vectors.analogy(plus, minus, arguments.n, distance=arguments.distance, with_inputs=True)
        answers[f"{question}, the question's own words allowed"] = allowed
    if arguments.format == "json":
        told = {"plus": plus, "minus": minus, "distance": arguments.distance}
        named = dict(zip(("nearest", "nearest_with_inputs"), map(_listed, answers.values()), strict=False))
        print(json.dumps({**told, **named}, indent=1, ensure_ascii=False))
        return 0
    is_distance = arguments.distance == "euclidean"
    print("\n\n".join(neighbours_text(found, heading, is_distance=is_distance) for heading, found in answers.items()))
    return 0


def _listed(found: list[Neighbour]) -> list[dict[str, object]]:
    return [{"word": one.word, "score": round(one.score, 6)} for one in found]
