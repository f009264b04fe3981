"""GPT-2 from a folder as Hugging Face writes it: config.json, safetensors, tokeniser files; nothing is downloaded or unpickled."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from assay.core.errors import ExtraMissing, SourceError, nearest
from assay.model.transformer import LanguageModel
from assay.model.transformer_shape import TransformerShape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from torch import Tensor

    from assay.model.bpe import BpeTokenizer

ACTIVATION_NAMES = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
# what some configurations change in how the network computes; only these values are computed here
ONLY = {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False}
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
OUTPUT = "lm_head.weight"
# (theirs, ours, whether theirs is stored inputs first)
WITHIN_LAYER = (
    ("ln_1", "norm_1", False),
    ("attn.c_attn", "attention.into", True),
    ("attn.c_proj", "attention.out", True),
    ("ln_2", "norm_2", False),
    ("mlp.c_fc", "feed_forward.into", True),
    ("mlp.c_proj", "feed_forward.out", True),
)


def load_gpt2(folder: str | PathLike[str]) -> LanguageModel:
    """The GPT-2 in a folder, of any size, ready to predict; its logits are those of transformers' GPT2LMHeadModel.

    Source: Radford et al. 2019; names of tensors as in Hugging Face transformers.

    Args:
        folder: Holds config.json and model.safetensors, or an index of several such files, as `save_pretrained` writes them.

    Raises:
        SourceError: there is no such folder, it holds another architecture, pickled weights, or tensors that are missing or misshapen.
        ExtraMissing: safetensors is not installed.

    Example:
        >>> load_gpt2("nowhere")
        Traceback (most recent call last):
        assay.core.errors.SourceError: no folder 'nowhere'; give one with config.json and model.safetensors
    """
    place = Path(folder)
    if not place.is_dir():
        raise SourceError(f"no folder {str(folder)!r}; give one with config.json and {WEIGHTS}")
    weights = _Weights(place)
    model = LanguageModel(_shape(place, tied=OUTPUT not in weights.names))
    # a file may hold the output of a tied model too, which is the token table again
    _fill(model, weights, _table(weights, model))
    return model.eval()


def load_gpt2_tokenizer(folder: str | PathLike[str]) -> BpeTokenizer:
    """The tokeniser that lies beside the weights: tokenizer.json, or vocab.json with merges.txt.

    Raises:
        SourceError: there is neither, or what there is cannot be read.
        ExtraMissing: tokenizers is not installed.

    Example:
        >>> load_gpt2_tokenizer("nowhere")
        Traceback (most recent call last):
        assay.core.errors.SourceError: no tokeniser in 'nowhere'; it is tokenizer.json, or vocab.json with merges.txt
    """
    place = Path(folder)
    whole, vocab, merges = place / "tokenizer.json", place / "vocab.json", place / "merges.txt"
    if not whole.is_file() and not (vocab.is_file() and merges.is_file()):
        raise SourceError(f"no tokeniser in {str(folder)!r}; it is tokenizer.json, or vocab.json with merges.txt")
    try:
        import tokenizers
        from tokenizers import decoders, models, pre_tokenizers
    except ModuleNotFoundError as problem:
        raise ExtraMissing("GPT-2's tokeniser", "text") from problem
    from assay.model.bpe import BpeTokenizer

    try:
        if whole.is_file():
            return BpeTokenizer(tokenizers.Tokenizer.from_file(str(whole)))
        made = tokenizers.Tokenizer(models.BPE.from_file(str(vocab), str(merges)))
    except Exception as problem:  # the library raises bare Exception
        raise SourceError(f"the tokeniser in {str(folder)!r} cannot be read: {problem}; copy it anew") from problem
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return BpeTokenizer(made)


class _Weights:
    """Tensors by name, in one file or several; a name is without the prefix "transformer."."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = self._files()
        self.names = frozenset(self.files)

    def _files(self) -> dict[str, tuple[str, Path]]:
        """Name -> (name in the file, file)."""
        try:
            from safetensors import SafetensorError, safe_open
        except ModuleNotFoundError as problem:
            raise ExtraMissing("loading GPT-2", "torch") from problem
        found: dict[str, tuple[str, Path]] = {}
        for file in self._shards():
            try:
                with safe_open(file, framework="pt") as held:
                    found |= {name.removeprefix("transformer."): (name, file) for name in held.keys()}  # noqa: SIM118 (not a mapping)
            except (SafetensorError, OSError) as problem:
                raise SourceError(f"{file} is no whole safetensors file: {problem}; copy it anew") from problem
        return found

    def _shards(self) -> list[Path]:
        if (self.folder / WEIGHTS).is_file():
            return [self.folder / WEIGHTS]
        if (self.folder / INDEX).is_file():
            named = _json(self.folder / INDEX).get("weight_map", {})
            files = sorted({self.folder / str(name) for name in named.values()})
            for file in files:
                if file.parent != self.folder or not file.is_file():
                    raise SourceError(f"{self.folder / INDEX} names {file.name!r}, which is not in the folder; copy all its parts")
            return files
        pickled = sorted(f.name for f in self.folder.glob("pytorch_model*.bin"))
        if pickled:
            raise SourceError(
                f"{str(self.folder)!r} holds {pickled[0]}, which is a pickle and could run any code; write it anew as {WEIGHTS} where you "
                "trust it, with transformers: GPT2LMHeadModel.from_pretrained(FOLDER).save_pretrained(FOLDER)"
            )
        raise SourceError(f"no {WEIGHTS} in {str(self.folder)!r}; give the folder that holds config.json and {WEIGHTS}")

    def tensor(self, name: str, shape: tuple[int, ...], *, turned: bool = False) -> Tensor:
        """The tensor as float32, turned where it is stored inputs first, of the shape that the configuration asks for."""
        from safetensors import safe_open

        if name not in self.files:
            raise SourceError(
                f"no tensor {name!r} among the {len(self.names)} in {str(self.folder)!r}; {nearest(name, sorted(self.names))}"
            )
        stored, file = self.files[name]
        with safe_open(file, framework="pt") as held:
            value: Tensor = held.get_tensor(stored)
        value = value.t() if turned and value.dim() == 2 else value
        if tuple(value.shape) != shape:
            raise SourceError(f"tensor {name!r} has shape {tuple(value.shape)}, and config.json asks for {shape}; they are of two models")
        return value.float()


def _json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"no {file.name} in {str(file.parent)!r}; give the folder that holds config.json and {WEIGHTS}") from None
    except (OSError, ValueError) as problem:
        raise SourceError(f"{file} cannot be read as JSON: {problem}; copy it anew") from problem
    if not isinstance(data, dict):
        raise SourceError(f"{file} holds a {type(data).__name__} where an object of names and values is expected; copy it anew")
    return data


def _shape(folder: Path, *, tied: bool) -> TransformerShape:
    """What config.json says.

    Raises:
        SourceError: it is of another architecture, or lacks a size.
    """
    file = folder / "config.json"
    config = _json(file)
    kind = config.get("model_type", "an unnamed architecture")
    if kind != "gpt2":
        raise SourceError(f"{file} is of {kind!r}, and only 'gpt2' is read; give a GPT-2 folder")
    for name, wanted in ONLY.items():
        if config.get(name, wanted) != wanted:
            raise SourceError(f"{file} says {name} = {config[name]}, and only {wanted} is computed here; give a plain GPT-2")
    activation = config.get("activation_function", "gelu_new")
    if activation not in ACTIVATION_NAMES:
        raise SourceError(f"{file} names the activation {activation!r}; {nearest(str(activation), ACTIVATION_NAMES)}")
    try:
        return TransformerShape(
            vocab=int(config["vocab_size"]),
            layers=int(config["n_layer"]),
            width=int(config["n_embd"]),
            heads=int(config["n_head"]),
            feed=None if config.get("n_inner") is None else int(config["n_inner"]),
            block=int(config["n_positions"]),
            activation=ACTIVATION_NAMES[activation],
            epsilon=float(config.get("layer_norm_epsilon", 1e-5)),
            tied=tied or bool(config.get("tie_word_embeddings", True)),
        )
    except KeyError as missing:
        raise SourceError(f"{file} does not say {missing}; copy it anew") from missing


def _table(weights: _Weights, model: LanguageModel) -> dict[str, tuple[str, bool]]:
    """Our parameter -> (their tensor, whether it is turned)."""
    named = {
        "embed.tokens.weight": ("wte.weight", False),
        "embed.learned.weight": ("wpe.weight", False),
        "norm.weight": ("ln_f.weight", False),
        "norm.bias": ("ln_f.bias", False),
    }
    for layer in range(model.shape.layers):
        for theirs, ours, turned in WITHIN_LAYER:
            for part in ("weight", "bias"):
                named[f"blocks.{layer}.{ours}.{part}"] = (f"h.{layer}.{theirs}.{part}", turned)
    if model.output is not None:
        named["output.weight"] = (OUTPUT, False)
    known = {theirs for theirs, _ in named.values()} | {OUTPUT}
    # old files keep the causal mask among the weights
    more = sorted(n for n in weights.names - known if not re.fullmatch(r"h\.\d+\.attn\.(bias|masked_bias)", n))
    if more:
        where = f"{str(weights.folder)!r} holds {len(more)} tensors"
        raise SourceError(f"{where} that config.json knows nothing of, such as {more[0]!r}; they are of two models")
    return named


def _fill(model: LanguageModel, weights: _Weights, named: Mapping[str, tuple[str, bool]]) -> None:
    with torch.no_grad():
        for ours, parameter in model.named_parameters():
            theirs, turned = named[ours]
            parameter.copy_(weights.tensor(theirs, tuple(parameter.shape), turned=turned))
