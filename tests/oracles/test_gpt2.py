"""GPT-2 loaded from a folder against Hugging Face transformers, on small random checkpoints in their format."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from assay.core.errors import SourceError
from assay.model.decoding import generate
from assay.model.gpt2 import load_gpt2, load_gpt2_tokenizer
from assay.model.transformer_shape import parameter_count

SIZES = {"vocab_size": 57, "n_positions": 24, "n_embd": 32, "n_layer": 3, "n_head": 4}
TEXT = "It's 1999: the café sold 12 crêpes,   and\n\nnobody's naïve. " * 3


def made(folder: Path, shard_size: str = "1GB", **options: object) -> torch.nn.Module:
    """transformers' own model with random weights of some size, saved into the folder."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(**{**SIZES, "bos_token_id": 0, "eos_token_id": 0, **options})).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder, max_shard_size=shard_size)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.nn.Module]:
    folder = tmp_path_factory.mktemp("gpt2")
    return folder, made(folder)


@pytest.fixture
def folder(saved: tuple[Path, torch.nn.Module], tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(saved[0], tmp_path / "copy"))


def tokens() -> torch.Tensor:
    return torch.randint(57, (3, 24), generator=torch.Generator().manual_seed(1))


def assert_same_logits(folder: Path, theirs: torch.nn.Module) -> None:
    with torch.no_grad():
        wanted = theirs(tokens()).logits
        assert torch.allclose(load_gpt2(folder)(tokens()), wanted, rtol=1e-4, atol=1e-5)
        assert torch.allclose(load_gpt2(folder).double()(tokens()), theirs.double()(tokens()).logits, rtol=1e-10, atol=1e-11)
    theirs.float()


def test_logits_are_those_of_transformers(saved: tuple[Path, torch.nn.Module]) -> None:
    folder, theirs = saved
    assert_same_logits(folder, theirs)
    model = load_gpt2(folder)
    assert sum(p.numel() for p in model.parameters()) == parameter_count(model.shape) == theirs.num_parameters()
    assert not model.training


@pytest.mark.parametrize(
    "options",
    [
        {"activation_function": "relu", "n_inner": 50},
        {"layer_norm_epsilon": 1e-2},
        {"tie_word_embeddings": False},
    ],
    ids=str,
)
def test_other_configurations_give_their_logits_too(options: dict[str, object], tmp_path: Path) -> None:
    assert_same_logits(tmp_path, made(tmp_path, **options))


def test_a_checkpoint_in_several_files_is_read_as_one(tmp_path: Path) -> None:
    theirs = made(tmp_path, "60KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert_same_logits(tmp_path, theirs)
    next(iter(sorted(tmp_path.glob("model-*.safetensors")))).unlink()
    with pytest.raises(SourceError, match="names 'model-00001"):
        load_gpt2(tmp_path)


def test_names_without_a_prefix_and_stored_masks_are_read(saved: tuple[Path, torch.nn.Module], folder: Path) -> None:
    tensors = {n.removeprefix("transformer."): t for n, t in load_file(folder / "model.safetensors").items()}
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 24, 24)
    tensors["lm_head.weight"] = tensors["wte.weight"].clone()
    save_file({n: t.contiguous() for n, t in tensors.items()}, folder / "model.safetensors")
    assert_same_logits(folder, saved[1])


def test_half_precision_is_widened(saved: tuple[Path, torch.nn.Module], folder: Path) -> None:
    tensors = {n: t.to(torch.float16) for n, t in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors")
    model = load_gpt2(folder)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    with torch.no_grad():
        assert torch.allclose(model(tokens()), saved[1](tokens()).logits, atol=0.05)


def test_greedy_text_is_that_of_transformers(saved: tuple[Path, torch.nn.Module]) -> None:
    folder, theirs = saved
    prompt = tokens()[0, :4]
    wanted = theirs.generate(prompt[None], attention_mask=torch.ones(1, 4), max_new_tokens=12, do_sample=False, eos_token_id=None)
    assert generate(load_gpt2(folder), prompt, 12, temperature=0.0).tolist() == wanted[0, 4:].tolist()


def saved_tokenizer(folder: Path) -> object:
    """A byte-level BPE of the kind of GPT-2's, saved as vocab.json and merges.txt and as tokenizer.json."""
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator([TEXT], vocab_size=300, special_tokens=["<|endoftext|>"], show_progress=False)
    trained.save_model(str(folder))
    trained.save(str(folder / "tokenizer.json"))
    return trained


@pytest.mark.parametrize("kept", ["tokenizer.json", "vocab.json"])
def test_the_tokeniser_beside_the_weights_is_read_from_either_form(kept: str, tmp_path: Path) -> None:
    theirs = saved_tokenizer(tmp_path)
    for name in {"tokenizer.json", "vocab.json"} - {kept}:
        (tmp_path / name).unlink()
    ours = load_gpt2_tokenizer(tmp_path)
    for text in (TEXT, "unseen: ¿Qué?  \n", "a"):
        assert ours.encode(text).tolist() == theirs.encode(text).ids  # type: ignore[attr-defined]
        assert ours.decode(ours.encode(text)) == text


def rewritten(file: Path, **changes: object) -> None:
    data = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({k: v for k, v in {**data, **changes}.items() if v is not None}), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model_type": "llama"}, "is of 'llama', and only 'gpt2' is read"),
        ({"model_type": None}, "unnamed architecture"),
        ({"activation_function": "gelu_neww"}, "did you mean 'gelu_new'"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True, and only False"),
        ({"n_head": None}, "does not say 'n_head'"),
        ({"n_embd": 16}, r"'wte.weight' has shape \(57, 32\), and config.json asks for \(57, 16\)"),
        ({"n_layer": 4}, "no tensor 'h.3.ln_1.weight' among the"),
        ({"n_layer": 2}, "12 tensors that config.json knows nothing of, such as 'h.2"),
    ],
    ids=str,
)
def test_a_configuration_of_another_model_is_refused(changes: dict[str, object], told: str, folder: Path) -> None:
    rewritten(folder / "config.json", **changes)
    with pytest.raises(SourceError, match=told):
        load_gpt2(folder)


def test_what_is_absent_broken_or_pickled_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no folder"):
        load_gpt2(tmp_path / "absent")
    with pytest.raises(SourceError, match="no tokeniser in"):
        load_gpt2_tokenizer(folder)
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(SourceError, match="is no whole safetensors file"):
        load_gpt2(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(SourceError, match=r"no model\.safetensors in"):
        load_gpt2(folder)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(SourceError, match=r"holds pytorch_model\.bin, which is a pickle and could run any code; .*save_pretrained"):
        load_gpt2(folder)
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SourceError, match="cannot be read"):
        load_gpt2_tokenizer(folder)


def test_a_broken_configuration_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(SourceError, match="holds a list"):
        load_gpt2(folder)
    (folder / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(SourceError, match="cannot be read as JSON"):
        load_gpt2(folder)
    (folder / "config.json").unlink()
    with pytest.raises(SourceError, match=r"no config.json in"):
        load_gpt2(folder)


def test_a_part_outside_the_folder_is_not_read(folder: Path) -> None:
    outside = folder.parent / "model.safetensors"
    shutil.move(folder / "model.safetensors", outside)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"wte.weight": "../model.safetensors"}}), encoding="utf-8"
    )
    with pytest.raises(SourceError, match=r"names 'model\.safetensors', which is not in the folder"):
        load_gpt2(folder)
