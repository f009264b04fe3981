"""A predictor on disk: JSON and plain arrays, with a manifest of hashes; reading runs no code and refuses changed files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.artifact.arrays import read_arrays, write_arrays
from assay.artifact.predictor import Predictor
from assay.core.errors import RunError, nearest
from assay.core.files import read_json, write_json
from assay.model.encoding import Encoder
from assay.model.registry import MODELS

FORMAT = 1
FILES = ("model.json", "arrays.npz", "schema.json")


def save(folder: Path | str, predictor: Predictor) -> None:
    """Write a predictor into a folder; the manifest is written last, so that a folder with a manifest is whole.

    Raises:
        RunError: the folder cannot be written.
    """
    folder = Path(folder)
    (folder / "manifest.json").unlink(missing_ok=True)
    encoder, encoder_arrays = predictor.encoder.to_json()
    model, model_arrays = predictor.model.state()
    arrays = {f"encoder/{k}": v for k, v in encoder_arrays.items()} | {f"model/{k}": v for k, v in model_arrays.items()}
    write_arrays(folder / "arrays.npz", arrays)
    write_json(folder / "model.json", {"name": predictor.model.name, "state": model, "encoder": encoder, **_labels(predictor)})
    write_json(folder / "schema.json", {"columns": predictor.schema, "target": predictor.target, "classes": list(predictor.classes)})
    write_manifest(folder, FILES, predictor.versions)


def load(folder: Path | str) -> Predictor:
    """The predictor that `save` wrote; every file's hash is verified first and nothing is unpickled.

    Raises:
        RunError: the folder holds no whole predictor, a file was changed, or a later version wrote it.
        ExtraMissing: the model needs torch, which is not installed.
    """
    folder = Path(folder)
    verify(folder, FILES)
    record = read_json(folder / "model.json")
    arrays = read_arrays(folder / "arrays.npz")
    try:
        name = record["name"]
        if name not in MODELS:
            raise RunError(f"{folder} holds a model {name!r}; {nearest(str(name), MODELS)}; it was written by another version")
        return Predictor(
            encoder=Encoder.from_json(record["encoder"], _part(arrays, "encoder/")),
            model=MODELS[name].from_state(record["state"], _part(arrays, "model/")),
            temperature=float(record["temperature"]),
            task=record["task"],
            classes=tuple(record["classes"]),
            target=record["target"],
            unit=record["unit"],
            fingerprint=record["fingerprint"],
            versions=dict(record["versions"]),
            findings=tuple(record["findings"]),
            created=record["created"],
            label_type=record["label_type"],
        )
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise RunError(f"cannot read the model in {folder}: {problem!r}; it was written by another version, train again") from problem


def _labels(predictor: Predictor) -> dict[str, Any]:
    return {
        "temperature": predictor.temperature,
        "task": predictor.task,
        "classes": list(predictor.classes),
        "target": predictor.target,
        "unit": predictor.unit,
        "fingerprint": predictor.fingerprint,
        "versions": dict(predictor.versions),
        "findings": list(predictor.findings),
        "created": predictor.created,
        "label_type": predictor.label_type,
    }


def write_manifest(folder: Path, files: Sequence[str], versions: Mapping[str, str]) -> None:
    """Write the hashes of the files that make an artifact; what has a manifest is whole."""
    hashes = {name: _hash(folder / name) for name in files}
    write_json(folder / "manifest.json", {"format": FORMAT, "sha256": hashes, "versions": dict(versions)})


def verify(folder: Path, files: Sequence[str]) -> None:
    """Refuse a folder whose files are not those that its manifest names.

    Raises:
        RunError: a file is absent, was changed, or a later version wrote it.
    """
    if not folder.is_dir():
        raise RunError(f"no folder {folder}; give the run's folder, as printed at the end of its training")
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, Mapping) or not isinstance(manifest.get("sha256"), Mapping):
        raise RunError(f"{folder / 'manifest.json'} lists no hashes; the file was changed by hand or cut, train again")
    found = manifest.get("format")
    if found != FORMAT:
        raise RunError(f"{folder} has format {found!r}, this version reads {FORMAT}; install the version that wrote it, or train again")
    for name in files:
        said = manifest["sha256"].get(name)
        seen = _hash(folder / name)
        if said != seen:
            raise RunError(f"{folder / name} has sha256 {seen[:12]}, the manifest says {str(said)[:12]}; the file was changed, train again")


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:
        raise RunError(f"cannot read {path}: {problem.strerror}; the run folder is not whole, train again") from problem


def _part(arrays: Mapping[str, Any], start: str) -> dict[str, Any]:
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
