"""A language model on disk with its tokeniser: JSON and plain arrays, with a manifest of hashes; reading runs no code."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.artifact.arrays import read_arrays, write_arrays
from assay.artifact.store import verify, write_manifest
from assay.core.errors import ExtraMissing, RunError, nearest
from assay.core.files import read_json, write_json
from assay.model.language_ngram import Bigram, NGram, Unigram
from assay.model.tokenizer import Tokenizer, tokenizer_from_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.language import TokenModel

FILES = ("model.json", "arrays.npz", "tokenizer.json")
COUNTED: dict[str, type[NGram]] = {kind.name: kind for kind in (Unigram, Bigram, NGram)}
NEURAL = ("rnn", "gru", "lstm", "transformer")


@dataclass(frozen=True)
class Writer:
    """A trained language model with all that writing needs.

    Attributes:
        unit: Of its loss, such as "bits/character".
        fingerprint: Of the corpus that it was trained on.
        versions: Of the software that trained it.
        findings: One line for each finding of the run.
        created: Time of training, ISO 8601 with zone.
    """

    tokenizer: Tokenizer
    model: TokenModel
    unit: str = ""
    fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    created: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))


def save_language(folder: Path, writer: Writer) -> None:
    """Write a language model into a folder; the manifest is written last, so that a folder with a manifest is whole.

    Raises:
        RunError: the folder cannot be written.
    """
    (folder / "manifest.json").unlink(missing_ok=True)
    state, arrays = writer.model.state()
    write_arrays(folder / "arrays.npz", arrays)
    write_json(folder / "tokenizer.json", writer.tokenizer.state())
    told = {name: getattr(writer, name) for name in ("unit", "fingerprint", "created")}
    lists = {"versions": dict(writer.versions), "findings": list(writer.findings)}
    write_json(folder / "model.json", {"name": writer.model.name, "state": state, **told, **lists})
    write_manifest(folder, FILES, writer.versions)


def load_language(folder: Path) -> Writer:
    """The language model that `save_language` wrote; every file's hash is verified first and nothing is unpickled.

    Raises:
        RunError: the folder holds no whole language model, a file was changed, or a later version wrote it.
        ExtraMissing: the model needs torch or the tokeniser `tokenizers`, which are not installed.
    """
    verify(folder, FILES)
    record = read_json(folder / "model.json")
    try:
        return Writer(
            tokenizer=tokenizer_from_state(read_json(folder / "tokenizer.json")),
            model=token_model(str(record["name"]), record["state"], read_arrays(folder / "arrays.npz")),
            unit=record["unit"],
            fingerprint=record["fingerprint"],
            versions=dict(record["versions"]),
            findings=tuple(record["findings"]),
            created=record["created"],
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise RunError(
            f"cannot read the language model in {folder}: {problem!r}; it was written by another version, train again"
        ) from problem


def token_model(name: str, state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> TokenModel:
    """The model of that name from its state.

    Raises:
        RunError: there is no such model, or the state is not its own.
        ExtraMissing: a network without torch.
    """
    if name in COUNTED:
        return COUNTED[name].from_state(state, arrays)
    if name not in NEURAL:
        raise RunError(f"no language model {name!r}; {nearest(name, (*COUNTED, *NEURAL))}; it was written by another version")
    try:
        from assay.model.language_network import LanguageNetwork
    except ModuleNotFoundError as problem:
        raise ExtraMissing(f"model {name!r}", "torch") from problem
    return LanguageNetwork.from_state(state, arrays)
