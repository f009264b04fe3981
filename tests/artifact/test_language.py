"""A language model on disk is whole, unchanged and runs no code, or it is refused."""

import json

import numpy as np
import pytest
import torch

from assay.artifact.language import Writer, load_language, save_language, token_model
from assay.core.errors import RunError
from assay.model.language_network import LanguageNetwork
from assay.model.language_ngram import Bigram, NGram, Unigram
from assay.model.tokenizer import CharTokenizer

TOKENS = np.array([1, 2, 3, 1, 2, 1, 3, 3, 2, 1, 1, 2] * 4, dtype=np.int32)


def models():
    network = LanguageNetwork("transformer", {"vocab": 4, "layers": 1, "width": 8, "heads": 2, "block": 4})
    network.be_born(torch.Generator().manual_seed(0))
    return [Unigram.learned(TOKENS, 4, 1), Bigram.learned(TOKENS, 4, 2), NGram.learned(TOKENS, 4, 3), network]


@pytest.mark.parametrize("model", models(), ids=lambda m: m.name)
def test_what_was_saved_predicts_the_same_bits(tmp_path, model):
    save_language(tmp_path, Writer(CharTokenizer("abc"), model, "bits/character", "sha256:1", {"assay": "0"}, ("DAT101 x",)))
    again = load_language(tmp_path)
    assert type(again.model) is type(model)
    assert np.array_equal(again.model.bits(TOKENS), model.bits(TOKENS))
    assert again.tokenizer.encode("abcd").tolist() == [1, 2, 3, 0]
    assert (again.unit, again.fingerprint, again.versions, again.findings) == ("bits/character", "sha256:1", {"assay": "0"}, ("DAT101 x",))


@pytest.mark.parametrize("name", ["model.json", "arrays.npz", "tokenizer.json"])
def test_a_changed_file_is_refused(tmp_path, name):
    save_language(tmp_path, Writer(CharTokenizer("abc"), models()[1]))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b" ")
    with pytest.raises(RunError, match="the file was changed"):
        load_language(tmp_path)


def test_a_folder_without_a_manifest_is_not_whole(tmp_path):
    save_language(tmp_path, Writer(CharTokenizer("abc"), models()[1]))
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(RunError, match=r"manifest\.json"):
        load_language(tmp_path)


def test_an_unknown_model_is_refused():
    with pytest.raises(RunError, match="no language model 'markov'"):
        token_model("markov", {}, {})


def test_nothing_is_pickled(tmp_path):
    save_language(tmp_path, Writer(CharTokenizer("abc"), models()[-1]))
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        assert all(not arrays[name].dtype.hasobject for name in arrays.files)
    assert json.loads((tmp_path / "tokenizer.json").read_text()) == {"kind": "char", "characters": "abc"}
