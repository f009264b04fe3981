"""Text to learn a language from: files, a glob or a folder, read as documents."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import SourceError
from assay.table.decode import declared_encoding, decoded, opened
from assay.table.place import files_of

SUFFIXES = (".txt", ".md", ".txt.gz", ".md.gz")
SEPARATOR = "\n\n"
NAMED_FILES = 3
LOOKED_AT_LINES = 50
FEWEST_LINES = 5

_MARK = re.compile(r"^<<<([^<>\n]+)>>>[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Corpus:
    """Documents of text, in order.

    Attributes:
        documents: Texts without a byte order mark; every line ends in a line feed alone.
        titles: What each document is called: its file, or the title that stood above it.
        name: Where they came from.
        fingerprint: Content hash of the documents.
        notes: What was inferred on reading, one sentence each.

    Example:
        >>> corpus = Corpus.of(["To be, or not to be"], name="memory")
        >>> corpus.characters, corpus.bytes, corpus.fingerprint[:14]
        (19, 19, 'sha256:cbfa80e')
    """

    documents: tuple[str, ...]
    titles: tuple[str, ...]
    name: str
    fingerprint: str
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, documents: Sequence[str], *, titles: Sequence[str] = (), name: str = "text in memory", notes: Sequence[str] = ()) -> Corpus:
        """A corpus of texts at hand; documents without a title are numbered."""
        named = tuple(titles) or tuple(f"document {i + 1}" for i in range(len(documents)))
        return cls(tuple(documents), named, name, _fingerprint(documents), tuple(notes))

    @property
    def text(self) -> str:
        """All documents, with an empty line between two of them."""
        return SEPARATOR.join(self.documents)

    @property
    def characters(self) -> int:
        """Characters of all documents."""
        return sum(len(text) for text in self.documents)

    @property
    def bytes(self) -> int:
        """Bytes of all documents as UTF-8."""
        return sum(len(text.encode()) for text in self.documents)


def is_corpus(source: object) -> bool:
    """Whether a source is text to learn a language from, by its name: .txt, .md, gzipped ones, a glob or a folder of them.

    Example:
        >>> is_corpus("poems.txt"), is_corpus("poems/*.md"), is_corpus("adult.csv"), is_corpus("reviews.pos")
        (True, True, False, False)
    """
    if not isinstance(source, str | Path):
        return False
    path = Path(source).expanduser()
    if path.is_dir():
        return any(_is_text(file) for file in path.iterdir())
    return _is_text(path)


def _is_text(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def read_corpus(source: str | Path, *, encoding: str | None = None) -> Corpus:
    """Read text files as documents; what was inferred is in the notes.

    Each file is a document, but where lines such as `<<<Title>>>` stand in a file, each part below such a line is one.

    Args:
        source: A file, plain or gzipped; a glob of several; or a folder, of which the .txt and .md files are read.
        encoding: Of the files, instead of inferring it as for tables.

    Raises:
        SourceError: the source is absent, empty, blank, or no text.
    """
    paths, left_out = _files(source)
    documents: list[str] = []
    titles: list[str] = []
    notes = [f"{len(paths)} files, read in the order of their names"] if len(paths) > 1 else []
    notes += [f"{len(left_out)} other files of the folder were left out: {_listed(left_out)}"] if left_out else []
    for path in paths:
        text, note = _text(path, encoding)
        parts = _documents(text, path)
        titles += [title for title, _ in parts]
        documents += [part for _, part in parts]
        notes += [f"{path.name}: {note}" if len(paths) > 1 else note] if note else []
    if len(documents) > len(paths):
        notes.append(f"{len(documents)} documents, told apart by lines such as <<<{titles[0]}>>>")
    if len(paths) == 1 and (fields := _fields(documents[0])):
        notes.append(f"every line has {fields}, as in a table; to train on it as one, name what to predict with --target COLUMN")
    return Corpus.of(documents, titles=titles, name=str(source), notes=notes)


def _files(source: str | Path) -> tuple[list[Path], list[str]]:
    path = Path(source).expanduser()
    if path.is_dir():
        there = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        chosen = [p for p in there if _is_text(p)]
        if not chosen:
            seen = f"it holds {_listed([p.name for p in there])}" if there else "it holds no file"
            raise SourceError(f"{source} is a folder without a .txt or .md file, {seen}; give a folder of texts, or one file")
        return chosen, [p.name for p in there if p not in chosen]
    found = files_of(str(source), ())
    if found is None:  # only a bundled sample has no file, and none is given here
        raise SourceError(f"no file {str(source)!r}; give an existing path")
    return found, []


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED_FILES]) + (f" and {len(names) - NAMED_FILES} more" if len(names) > NAMED_FILES else "")


def _text(path: Path, encoding: str | None) -> tuple[str, str]:
    """The text of a file and a note on its encoding, "" where there is nothing to say."""
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes); give a file with text in it")
    with opened(path) as data:
        declared = declared_encoding(data, encoding, str(path))
        content, note = decoded(data, declared, str(path))
    text = content.decode().removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise SourceError(f"{path} holds {len(text):,} characters, all of them blank; give a file with text in it")
    return text, note


def _documents(text: str, path: Path) -> list[tuple[str, str]]:
    marks = list(_MARK.finditer(text))
    if not marks or text[: marks[0].start()].strip():  # text above the first mark: the lines are part of it, not titles
        return [(path.name, text)]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    parts = [(mark[1].strip(), text[mark.end() : end].strip("\n")) for mark, end in zip(marks, ends, strict=True)]
    return [(title, part) for title, part in parts if part.strip()] or [(path.name, text)]


def _fields(text: str) -> str:
    """In words, into how many fields the same sign cuts each of the first lines; "" where they look like prose."""
    lines = [line for line in text[:100_000].split("\n") if line.strip()][:LOOKED_AT_LINES]
    if len(lines) < FEWEST_LINES:
        return ""
    for sign, name, least in (("\t", "a tab", 1), (";", "a semicolon", 2), (",", "a comma", 2)):
        counts = {line.count(sign) for line in lines}
        if len(counts) == 1 and min(counts) >= least:
            return f"{min(counts) + 1} fields with {name} between them"
    return ""


def _fingerprint(documents: Sequence[str]) -> str:
    whole = hashlib.sha256(f"corpus {len(documents)}".encode())
    for text in documents:
        whole.update(hashlib.sha256(text.encode()).digest())
    return f"sha256:{whole.hexdigest()}"
