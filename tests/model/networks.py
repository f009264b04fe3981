"""Small transformers of every form, that tests share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from assay.model.transformer import LanguageModel
from assay.model.transformer_shape import TransformerShape

FORMS: dict[str, dict[str, object]] = {
    "gpt2": {},
    "no bias, rms, rope, silu": {"bias": False, "norm": "rms", "position": "rope", "activation": "silu"},
    "post-norm, sinusoidal, relu": {"pre_norm": False, "position": "sinusoidal", "activation": "relu"},
    "alibi, untied, one key head": {"position": "alibi", "tied": False, "kv_heads": 1},
    "relative, two key heads": {"position": "relative", "kv_heads": 2, "norm": "group"},
    "shared keys, learned": {"shared_kv": True},
    "shared keys, rope": {"shared_kv": True, "position": "rope", "kv_heads": 2},
    "no positions, no norm, tanh": {"position": "none", "norm": "none", "activation": "tanh"},
    "bilinear": {"score": "bilinear", "activation": "selu"},
    "additive, leaky": {"score": "additive", "activation": "leaky"},
    "dropout": {"dropout": 0.1},
}


def shape(vocab: int = 11, **options: object) -> TransformerShape:
    """A small shape; options are its fields."""
    return TransformerShape(**{"vocab": vocab, "layers": 2, "width": 16, "heads": 4, "block": 8, **options})  # type: ignore[arg-type]


def born(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with its weights drawn, predicting."""
    network.be_born(torch.Generator().manual_seed(seed))  # type: ignore[operator]
    return network.eval()


def shaken(network: nn.Module, spread: float = 0.3) -> nn.Module:
    """The network in float64 with weights large enough for all of them to matter."""
    network.double()
    generator = torch.Generator().manual_seed(99)
    for parameter in network.parameters():
        parameter.data.add_(spread * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network.eval()


def language_model(form: str = "gpt2", seed: int = 0, **options: object) -> LanguageModel:
    """A small language model of one of the forms, born."""
    made = LanguageModel(shape(**{**FORMS[form], **options}))
    born(made, seed)
    return made


def tokens(rows: int, length: int, vocab: int = 11, seed: int = 0) -> Tensor:
    """Uniformly random tokens."""
    return torch.randint(vocab, (rows, length), generator=torch.Generator().manual_seed(seed))
