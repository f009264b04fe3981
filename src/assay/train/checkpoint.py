"""The state of a training on disk, one whole file at a time, from which it goes on bit for bit."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from assay.core.errors import RunError
from assay.core.evidence import build, plain
from assay.core.files import write_atomically
from assay.train.loop import History

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.train.loop import Loop

FILE = "training.npz"
SECONDS_BETWEEN_WRITES = 1.0
WRITING_SHARE = 0.05


class Checkpoint:
    """Keeps the state after the last whole epoch, and writes it to disk now and then and whenever the training ends.

    Now and then is at most once a second, and seldom enough that writing takes a twentieth of the time.
    Numbers and JSON only, in one npz file that is whole or absent; nothing is pickled.

    Args:
        folder: Where the file lives.
        loop: The training that it keeps.
    """

    def __init__(self, folder: Path, loop: Loop, seed: int) -> None:
        self.path, self.loop = Path(folder) / FILE, loop
        self.identity = _identity(loop, seed)
        self._pending: dict[str, NDArray[Any]] | None = None
        self._snapshots: list[NDArray[Any]] = []
        self._next_write = 0.0

    def after_epoch(self, ends: bool) -> None:
        """Keep the state of now; write it if the training ends or the last write is long enough ago."""
        self._pending = self._state()
        self._snapshots = [self.loop.kept[epoch] for epoch in sorted(self.loop.kept)]
        if ends or time.monotonic() >= self._next_write:
            self.flush()

    def flush(self) -> None:
        """Write what is kept and not yet on disk."""
        if self._pending is None:
            return
        pending, started = {**self._pending, "kept": np.stack(self._snapshots)}, time.monotonic()
        write_atomically(self.path, lambda stream: np.savez(stream, allow_pickle=False, **pending))
        ended = time.monotonic()
        self._pending, self._next_write = None, ended + max(SECONDS_BETWEEN_WRITES, (ended - started) / WRITING_SHARE)

    def _state(self) -> dict[str, NDArray[Any]]:
        loop = self.loop
        told = {
            "identity": self.identity,
            "history": asdict(loop.history),
            "probe": loop.probe.state() if loop.probe is not None else None,
            "kept": sorted(loop.kept),
        }
        arrays = {f"moments.{i}.{n}": v.numpy().copy() for i, s in loop.optimiser.state_dict()["state"].items() for n, v in s.items()}
        return {
            "json": np.frombuffer(json.dumps(plain(told)).encode("utf-8"), dtype=np.uint8),
            "weights": loop.model.flat(),
            "best": loop.best,
            "stream": loop.stream.get_state().numpy(),
            **arrays,
        }

    def resume(self) -> bool:
        """Put the loop where the file left it; False if there is no file.

        Raises:
            RunError: the file is of another training (data, seed or settings differ), or cannot be read.
        """
        if not self.path.exists():
            return False
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            told = json.loads(arrays["json"].tobytes().decode("utf-8"))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as problem:
            raise RunError(f"cannot read {self.path}: {problem}; remove it to train from the start") from problem
        if told["identity"] != self.identity:
            differs = [k for k in self.identity if told["identity"].get(k) != self.identity[k]]
            raise RunError(f"{self.path} is of a training with other {', '.join(differs)}; remove it to train from the start")
        loop = self.loop
        loop.history = build(History, told["history"])
        for series in ("train_loss", "valid_loss", "learning_rate"):
            setattr(loop.history, series, list(getattr(loop.history, series)))
        loop.model.load_parameters(arrays["weights"])
        loop.best = arrays["best"]
        loop.kept = {int(e): arrays["kept"][i] for i, e in enumerate(told["kept"])}
        loop.stream.set_state(torch.as_tensor(arrays["stream"]))
        if loop.probe is not None and told["probe"] is not None:
            loop.probe.resume(told["probe"])
        self._resume_moments(arrays)
        return True

    def _resume_moments(self, arrays: dict[str, NDArray[Any]]) -> None:
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in arrays.items():
            if name.startswith("moments."):
                _, place, what = name.split(".")
                moments.setdefault(int(place), {})[what] = torch.as_tensor(value)
        self.loop.optimiser.load_state_dict({**self.loop.optimiser.state_dict(), "state": moments})


def _identity(loop: Loop, seed: int) -> dict[str, str]:
    """What must be equal for a training to go on: short hashes, by name."""
    settings = json.dumps(asdict(loop.settings), sort_keys=True)
    shape = json.dumps(asdict(loop.model.shape), sort_keys=True) + loop.model.loss.name
    rows = hashlib.sha256()
    for part in (*loop.inputs.tensors(), loop.target, loop.input_sample, loop.valid.target):
        rows.update(np.ascontiguousarray(np.asarray(part)).tobytes())
    return {
        "seed": str(seed),
        "settings": hashlib.sha256(settings.encode()).hexdigest()[:16],
        "shape": hashlib.sha256(shape.encode()).hexdigest()[:16],
        "rows": rows.hexdigest()[:16],
    }
