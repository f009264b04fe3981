"""Vector files are written and read as gensim does, and broken ones are named."""

import gzip

import numpy as np
import pytest

from assay.core.errors import OptionError, SourceError
from assay.model.vector_files import ENDINGS, read_vectors, write_vectors
from assay.model.vectors import WordVectors


@pytest.fixture
def vectors(rng) -> WordVectors:
    return WordVectors.of(["the", "naïve", "don't", "2000"], rng.normal(size=(4, 6)).astype(np.float32) * 1e-3)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_written_is_read_bit_for_bit(vectors, ending, tmp_path):
    path = tmp_path / f"words{ending}"
    write_vectors(path, vectors)
    again = read_vectors(path)
    assert again.words == vectors.words
    assert np.array_equal(again.matrix, vectors.matrix)
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == ending.endswith(".gz")


@pytest.mark.parametrize("is_binary", [False, True])
def test_gensim_reads_them_and_writes_them(vectors, is_binary, tmp_path):
    keyed = pytest.importorskip("gensim.models").KeyedVectors
    path = tmp_path / ("ours.bin" if is_binary else "ours.vec")
    write_vectors(path, vectors)
    theirs = keyed.load_word2vec_format(path, binary=is_binary)
    assert theirs.index_to_key == list(vectors.words)
    assert np.array_equal(theirs.vectors, vectors.matrix)
    theirs.save_word2vec_format(path, binary=is_binary)
    again = read_vectors(path)
    np.testing.assert_allclose(again.matrix, vectors.matrix, atol=1e-7)
    assert again.words == vectors.words


def test_a_file_without_its_numbers_and_with_a_word_twice_is_read(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("king 0.5 -1\nqueen 1e-2 2\n\nking 9 9\n", encoding="utf-8")
    found = read_vectors(path)
    assert found.words == ("king", "queen")
    assert found["king"].tolist() == [0.5, -1]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b"", "holds 0 vectors"),
        ("a.txt", b"once upon a time\n", r"line 1: 'once upon a time' is no word with 3 numbers"),
        ("a.txt", b"king 1 2\nqueen 1\n", "line 2: 'queen 1' is no word with 2 numbers"),
        ("a.txt", b"3 2\nking 1 2\n", "holds 1 vectors, its first line says 3; the file is cut"),
        ("a.txt", b"king nan 2\n", "the vector of 'king' holds a number that is not finite"),
        ("a.vec", b"\xff\xfe\x00\n", "line 1 is no UTF-8 text; binary vectors end in .bin"),
        ("a.vec.gz", b"no gzip", "cannot read .*a.vec.gz"),
        ("a.vec.gz", gzip.compress(b"king 1 2\n" * 99, mtime=0)[:-20], "cannot read .*cut or no word vectors"),
        ("a.bin", b"hello", "begins with b'hello', not with its numbers"),
        ("a.bin", b"2 1\nking \x00\x00\x80\x3f\nque", "ends or goes wrong after 1 of 2 vectors"),
        ("a.bin", b"1 2\nking \x00\x00", "ends in the vector of 'king'"),
    ],
)
def test_what_is_no_vector_file_is_named(name, content, says, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=says):
        read_vectors(tmp_path / name)


def test_what_cannot_be_kept_is_refused(vectors, tmp_path):
    with pytest.raises(OptionError, match=r"has no ending of a vector file; use \.txt, \.vec"):
        write_vectors(tmp_path / "words.npy", vectors)
    with pytest.raises(OptionError, match="word 'new york' holds a blank"):
        write_vectors(tmp_path / "a.vec", WordVectors.of(["new york"], np.ones((1, 2))))
    with pytest.raises(SourceError, match=r"no file '.*absent\.vec'"):
        read_vectors(tmp_path / "absent.vec")
