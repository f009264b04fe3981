"""GPT-2 weights in a Hugging Face folder write as they are, without a run."""

import json

import pytest
import torch
from safetensors.torch import save_file

from assay.core.errors import RunError
from assay.face.cli import main
from assay.face.generation import open_writer
from assay.model.bpe import _signs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A GPT-2 of one layer on single bytes, in the files of `save_pretrained`."""
    place = tmp_path_factory.mktemp("gpt2")
    width, draw = 8, torch.Generator().manual_seed(1)
    sizes = {"c_attn": (width, 3 * width), "c_proj": (width, width)}, {"c_fc": (width, 4 * width), "c_proj": (4 * width, width)}
    weights = {"wte.weight": (256, width), "wpe.weight": (16, width)}
    for part, shapes in zip(("attn", "mlp"), sizes, strict=True):
        for name, shape in shapes.items():
            weights |= {f"h.0.{part}.{name}.weight": shape, f"h.0.{part}.{name}.bias": shape[1:]}
    for norm in ("h.0.ln_1", "h.0.ln_2", "ln_f"):
        weights |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
    save_file({f"transformer.{name}": torch.randn(shape, generator=draw) for name, shape in weights.items()}, place / "model.safetensors")
    shape = {"model_type": "gpt2", "vocab_size": 256, "n_positions": 16, "n_embd": width, "n_layer": 1, "n_head": 2}
    (place / "config.json").write_text(json.dumps({"architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new", **shape}))
    (place / "vocab.json").write_text(json.dumps({sign: byte for byte, sign in enumerate(_signs())}))
    (place / "merges.txt").write_text("#version: 0.2\n")
    return place


def test_gpt2_of_a_folder_writes(folder, capsys):
    words = ["generate", str(folder), "The", "--tokens", "30", "--seed", "2"]
    assert main([*words, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sum(len(piece["tokens"]) for piece in told["pieces"]) == 30
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("The")


def test_its_probabilities_are_those_of_its_network(folder):
    writer = open_writer(folder)
    tokens = writer.tokenizer.encode("The end")
    shares = writer.model.next_probabilities(tokens)
    assert len(shares) == 256
    assert shares.sum() == pytest.approx(1.0)
    assert writer.model.block == 16


def test_a_folder_of_something_else_says_what_is_there(tmp_path):
    with pytest.raises(RunError, match="no run in"):
        open_writer(tmp_path / "nothing")
