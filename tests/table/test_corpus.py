"""Text files become documents; what is no text is refused with its reason."""

import gzip
from pathlib import Path

import pytest

from assay.core.errors import OptionError, SourceError
from assay.table.corpus import Corpus, is_corpus, read_corpus


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_one_file_is_one_document(tmp_path):
    corpus = read_corpus(written(tmp_path / "a.txt", "To be,\nor not\n"))
    assert corpus.documents == ("To be,\nor not\n",)
    assert (corpus.titles, corpus.characters, corpus.bytes, corpus.notes) == (("a.txt",), 14, 14, ())


def test_a_gzipped_file_reads_as_the_plain_one(tmp_path):
    plain = read_corpus(written(tmp_path / "a.txt", "größer\n"))
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("größer\n".encode()))
    packed = read_corpus(tmp_path / "b.txt.gz")
    assert packed.documents == plain.documents
    assert packed.fingerprint == plain.fingerprint
    assert (packed.characters, packed.bytes) == (7, 9)


def test_a_folder_and_a_glob_read_their_texts_in_the_order_of_their_names(tmp_path):
    for name in ("b.txt", "a.md", "c.csv"):
        written(tmp_path / name, f"text of {name}")
    folder, glob = read_corpus(tmp_path), read_corpus(str(tmp_path / "*.txt"))
    assert folder.titles == ("a.md", "b.txt")
    assert folder.text == "text of a.md\n\ntext of b.txt"
    assert any("c.csv" in note for note in folder.notes)
    assert glob.titles == ("b.txt",)


def test_marked_parts_are_documents_with_their_titles(tmp_path):
    corpus = read_corpus(written(tmp_path / "a.txt", "<<<One>>>\nfirst\n\n<<<Two>>>\nsecond\n<<<Blank>>>\n\n"))
    assert corpus.titles == ("One", "Two")
    assert corpus.documents == ("first", "second")


def test_marks_below_text_are_part_of_it(tmp_path):
    text = "He wrote\n<<<One>>>\nand no more\n"
    assert read_corpus(written(tmp_path / "a.txt", text)).documents == (text,)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_told_apart_as_for_tables(tmp_path, encoding):
    corpus = read_corpus(written(tmp_path / "a.txt", "Der größte Käse\n" * 5, encoding))
    assert corpus.documents == ("Der größte Käse\n" * 5,)


def test_line_ends_of_any_system_become_line_feeds(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\rthree\n")
    assert read_corpus(tmp_path / "a.txt").documents == ("one\ntwo\nthree\n",)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty (0 bytes)"), (b" \n\t\n", "all of them blank"), (b"PNG\x00\x01\x02" * 9, "NUL byte"), (b"\x01\x02ab" * 99, "control")],
)
def test_what_is_no_text_is_refused_with_what_was_seen(tmp_path, content, said):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(SourceError, match=said.replace("(", r"\(").replace(")", r"\)")):
        read_corpus(tmp_path / "a.txt")


def test_a_folder_without_texts_and_a_missing_file_say_what_is_there(tmp_path):
    written(tmp_path / "poems.csv", "a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"without a \.txt or \.md file, it holds poems\.csv"):
        read_corpus(tmp_path)
    written(tmp_path / "poems.txt", "text")
    with pytest.raises(SourceError, match=r"did you mean 'poems\.txt'"):
        read_corpus(tmp_path / "poem.txt")
    with pytest.raises(OptionError, match="no encoding 'utf-9'"):
        read_corpus(tmp_path / "poems.txt", encoding="utf-9")


def test_only_texts_are_corpora(tmp_path):
    assert not is_corpus(tmp_path)
    written(tmp_path / "a.TXT", "text")
    assert is_corpus(tmp_path)
    assert is_corpus(tmp_path / "a.TXT")
    assert is_corpus("missing.md.gz")
    assert not any(is_corpus(source) for source in ("adult.csv.gz", "rt-polarity.pos", "breast-cancer", {"a": [1]}, None))


def test_a_table_in_a_text_file_is_noted(tmp_path):
    corpus = read_corpus(written(tmp_path / "a.txt", "".join(f"ham\tmessage {i}\n" for i in range(9))))
    assert "2 fields with a tab between them" in corpus.notes[0]


def test_one_changed_letter_changes_the_fingerprint():
    assert Corpus.of(["ab", "c"]).fingerprint != Corpus.of(["ab", "d"]).fingerprint
    assert Corpus.of(["ab", "c"]).fingerprint != Corpus.of(["abc"]).fingerprint


@pytest.mark.shared
def test_real_corpora_are_read_as_they_are(shared_data):
    shakespeare = read_corpus(shared_data / "tinyshakespeare/input.txt")
    assert (shakespeare.characters, len(set(shakespeare.text)), shakespeare.notes) == (1_115_394, 65, ())
    wikitext = read_corpus(shared_data / "wikitext2")
    assert wikitext.titles == ("test.txt.gz", "valid.txt.gz")
    assert wikitext.bytes == 1_256_449 + 1_121_681
