"""The texts of an embed run: text files and folders, or a text column of a table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import ColumnError, OptionError, SourceError
from assay.face.job.embedding_settings import EmbeddingSettings
from assay.model.vector_files import is_vector_file
from assay.table.corpus import is_corpus, read_corpus

TABLES = (".csv", ".tsv", ".tab", ".psv", ".parquet", ".arrow", ".feather", ".ipc", ".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Texts:
    """Texts to learn from.

    Attributes:
        documents: One text each.
        fingerprint: Content hash.
        notes: What was inferred on reading, one sentence each.
    """

    documents: tuple[str, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()


def read_texts(settings: EmbeddingSettings) -> Texts:
    """The texts of all sources, in order.

    Raises:
        SourceError: a source is absent, empty or no text.
        ColumnError: there is no such text column.
        OptionError: a table has several text columns, and none was named.
    """
    parts = [_read(source, settings) for source in settings.sources]
    if len(parts) == 1:
        return parts[0]
    whole = hashlib.sha256("\n".join(part.fingerprint for part in parts).encode()).hexdigest()
    return Texts(tuple(d for part in parts for d in part.documents), f"sha256:{whole}", tuple(n for part in parts for n in part.notes))


def _read(source: str, settings: EmbeddingSettings) -> Texts:
    if settings.column is None and (is_corpus(source) or not _is_table(source)):
        if is_vector_file(source) and not is_corpus(source):
            raise SourceError(f"{source} is a file of word vectors, not a text; ask it: assay similar {source} WORD")
        corpus = read_corpus(source, encoding=settings.encoding)
        return Texts(corpus.documents, corpus.fingerprint, corpus.notes)
    return _column(source, settings)


def _is_table(source: str) -> bool:
    name = Path(source).name.lower().removesuffix(".gz")
    return name.endswith(TABLES)


def _column(source: str, settings: EmbeddingSettings) -> Texts:
    from assay.table import read

    table = read(source, encoding=settings.encoding)
    texts = [c for c in table.columns if table.kind(c) == "text"]
    column = settings.column
    if column is None:
        if not texts:
            raise ColumnError(f"{source} has no text column among its {len(table.columns)}; name one to read as text with --column")
        if len(texts) > 1:
            raise OptionError(f"{source} has {len(texts)} text columns: {', '.join(map(repr, texts[:8]))}; name one with --column")
        column = texts[0]
    kind = table.kind(column)
    if kind not in ("text", "category"):
        raise ColumnError(f"column {column!r} of {source} holds values of kind {kind}, not text; name another with --column")
    values = table.frame[column].drop_nulls().to_list()
    if not values:
        raise ColumnError(f"column {column!r} of {source} is empty in all {table.rows:,} rows; name another with --column")
    note = f"texts are the {len(values):,} values of column {column!r} of {source}"
    return Texts(tuple(str(v) for v in values), f"{table.fingerprint}/{column}", (note, *table.notes))
