"""Language models of others, opened to write with: folders of GPT-2 weights as Hugging Face keeps them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from assay.artifact.language import Writer
from assay.core.errors import ExtraMissing


def open_gpt2(folder: Path) -> Writer:
    """The GPT-2 of a folder with its tokeniser.

    Raises:
        SourceError: the folder holds another architecture, or lacks a file.
        ExtraMissing: torch, safetensors or tokenizers are not installed.
    """
    try:
        from assay.model.gpt2 import load_gpt2, load_gpt2_tokenizer
        from assay.model.language_network import LanguageNetwork
    except ModuleNotFoundError as problem:
        raise ExtraMissing("GPT-2", "torch") from problem
    network = load_gpt2(folder)
    return Writer(load_gpt2_tokenizer(folder), LanguageNetwork("transformer", asdict(network.shape), network), unit="bits/token")
