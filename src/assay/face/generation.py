"""Writing with a trained language model: a run of Assay's, or a folder of GPT-2 weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.artifact.language import Writer, load_language, token_model
from assay.core.errors import OptionError, RunError, nearest
from assay.core.files import read_json
from assay.face.language_view import is_language
from assay.model.language_generate import Sampling, beam, written
from assay.model.tokenizer import Tokenizer
from assay.train.folder import RECORD, RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAMED_UNKNOWN = 5


@dataclass(frozen=True)
class Piece:
    """Some tokens that were written, as text.

    Attributes:
        probability: Of each token, that the model itself gave it.
    """

    text: str
    tokens: tuple[int, ...]
    probability: tuple[float, ...]


def open_writer(folder: Path, model: str | None = None) -> Writer:
    """The language model of a run, or of a Hugging Face folder of GPT-2 weights.

    Args:
        folder: The run's folder, or one with config.json.
        model: Another model of the run's ladder than the recommended one.

    Raises:
        RunError: there is neither, the run is on a table, or it has no model yet.
        OptionError: the run trained no such model.
    """
    if (folder / "config.json").is_file() and not (folder / RECORD).is_file():
        from assay.face.foreign import open_gpt2

        return open_gpt2(folder)
    run = RunFolder.open(folder)
    record = run.record()
    if not is_language(record):
        raise RunError(f"{folder} is a run on a table, which writes no text; predict with it: assay predict {folder} ROWS")
    if not (run.path / "artifact" / "manifest.json").is_file():
        raise RunError(f"{folder} has no model to write with, its state is {record.get('state')!r}; go on with --resume")
    writer = load_language(run.path / "artifact")
    if model is None or model == writer.model.name:
        return writer
    return _other(run.path, writer, model)


def _other(folder: Path, writer: Writer, name: str) -> Writer:
    from assay.artifact.arrays import read_arrays

    kept = sorted(p.parent.name for p in (folder / "models").glob("*/model.json"))
    if name not in kept:
        raise OptionError(f"{folder} trained no model {name!r}; {nearest(name, kept)}")
    place = folder / "models" / name
    made = token_model(name, read_json(place / "model.json")["state"], read_arrays(place / "arrays.npz"))
    return Writer(writer.tokenizer, made, writer.unit, writer.fingerprint, writer.versions, writer.findings, writer.created)


def prompt_tokens(tokenizer: Tokenizer, prompt: str) -> NDArray[np.int32]:
    """The tokens of a prompt.

    Raises:
        OptionError: it is empty, or holds what the model never learned.
    """
    tokens = tokenizer.encode(prompt)
    if not len(tokens):
        raise OptionError("the prompt is empty; give some text to go on from, such as 'Once '")
    if tokenizer.unknown is not None and tokens[0] == tokenizer.unknown and tokenizer.kind == "word" and not prompt[:1].isspace():
        tokens = tokenizer.encode(f" {prompt}")  # the first word may be known only with the blank before it
    if tokenizer.unknown is not None and (tokens == tokenizer.unknown).any():
        strange = _strange(tokenizer, prompt)
        raise OptionError(
            f"the prompt holds {', '.join(repr(s) for s in strange)}, not among the {tokenizer.size - 1:,} {tokenizer.noun}s that the "
            "model learned; leave it out, or train with --tokens byte or bpe"
        )
    return tokens


def _strange(tokenizer: Tokenizer, prompt: str) -> list[str]:
    parts = prompt if tokenizer.kind == "char" else [f" {word}" for word in prompt.split()] + prompt.split()
    found = [part for part in dict.fromkeys(parts) if (tokenizer.encode(part) == tokenizer.unknown).any()]
    if tokenizer.kind != "char":
        found = [part for part in found if not part.startswith(" ") and f" {part}" in found] or found
    return found[:NAMED_UNKNOWN]


def text_pieces(writer: Writer, prompt: str, n_tokens: int, sampling: Sampling, *, beams: int | None, seed: int) -> Iterator[Piece]:
    """What the model adds to a prompt, in pieces of whole characters, each as soon as it is there.

    Args:
        writer: The model with its tokeniser.
        prompt: What it goes on from.
        n_tokens: How many tokens to write.
        sampling: How they are drawn.
        beams: Instead of drawing, look for the likeliest text with so many beams; None to draw.
        seed: Of the draws.

    Raises:
        OptionError: the prompt or an option cannot be used.
    """
    tokenizer = writer.tokenizer
    start = prompt_tokens(tokenizer, prompt)
    if beams is None:
        steps = written(writer.model, start, n_tokens, sampling, seed)
    else:
        steps = iter(beam(writer.model, start, n_tokens, beams, sampling.banned))
    waiting: list[int] = []
    chances: list[float] = []
    for one in steps:
        waiting.append(one.token)
        chances.append(one.probability)
        text = tokenizer.decode(waiting)
        if "\ufffd" not in text or len(waiting) >= 4:  # no character has more than four bytes
            yield Piece(text, tuple(waiting), tuple(chances))
            waiting, chances = [], []
    if waiting:
        yield Piece(tokenizer.decode(waiting), tuple(waiting), tuple(chances))
