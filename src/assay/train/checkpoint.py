"""The state of a training on disk, one whole file at a time, from which it goes on bit for bit."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from assay.core.errors import RunError
from assay.core.evidence import build, plain
from assay.core.files import write_atomically
from assay.train.history import History
from assay.train.sharded import part_like

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from assay.train.crew import Crew
    from assay.train.data import Data
    from assay.train.loop import Loop

    Stored = tuple[dict[str, Any], dict[str, NDArray[Any]]]

FILE = "training.npz"
SECONDS_BETWEEN_WRITES = 1.0
WRITING_SHARE = 0.05
MOST_HASHED_BYTES = 2**26


class Checkpoint:
    """Keeps the state after the last evaluation, and writes it to disk now and then and whenever the training ends.

    Now and then is at most once a second, and seldom enough that writing takes a twentieth of the time.
    Numbers and JSON only, in one npz file that is whole or absent; nothing is pickled.

    Args:
        folder: Where the file lives.
        loop: The training that it keeps.
        identity: What must be equal for a training to go on, by name.
        chosen: What this training measured and decided for itself, such as its threads, and keeps to when it goes on.
    """

    def __init__(self, folder: Path, loop: Loop, identity: Mapping[str, str], chosen: Mapping[str, Any] | None = None) -> None:
        self.path, self.loop, self.identity, self.chosen = Path(folder) / FILE, loop, dict(identity), dict(chosen or {})
        self._pending: dict[str, NDArray[Any]] | None = None
        self._snapshots: list[NDArray[Any]] = []
        self._next_write = 0.0

    def keep(self, ends: bool) -> None:
        """Keep the state of now; write it if the training ends or the last write is long enough ago.

        Every process takes part, for each has a part of the state; process 0 keeps it.
        """
        state = self._state()
        if self.loop.crew.rank:
            return
        self._pending = state
        self._snapshots = [self.loop.kept.snapshots[e] for e in sorted(self.loop.kept.snapshots)]
        if ends or time.monotonic() >= self._next_write:
            self.flush()

    def flush(self) -> None:
        """Write what is kept and not yet on disk."""
        if self._pending is None:
            return
        pending, started = dict(self._pending), time.monotonic()
        if self._snapshots:
            pending["kept"] = np.stack(self._snapshots)
        write_atomically(self.path, lambda stream: np.savez(stream, allow_pickle=False, **pending))
        ended = time.monotonic()
        self._pending, self._next_write = None, ended + max(SECONDS_BETWEEN_WRITES, (ended - started) / WRITING_SHARE)

    def _state(self) -> dict[str, NDArray[Any]]:
        loop = self.loop
        weights = loop.weights
        told = {
            "identity": self.identity,
            "chosen": self.chosen,
            "history": asdict(loop.history),
            "probe": loop.probe.state() if loop.probe is not None else None,
            "schedule": loop.schedule.state(),
            "scaler": loop.backward.scaler.state_dict() if loop.backward.scaler is not None else None,
            "average_steps": loop.average.steps if loop.average is not None else 0,
            "kept": sorted(loop.kept.snapshots),
        }
        return {
            "json": np.frombuffer(json.dumps(plain(told)).encode("utf-8"), dtype=np.uint8),
            "noise": loop.crew.gathered(loop.noise.get_state()).numpy().copy(),
            "torch": loop.crew.gathered(torch.get_rng_state()).numpy().copy(),
            **_arrays("weight", weights.whole([*weights.all, *weights.buffers()])),
            **_arrays("best", weights.whole(loop.kept.best)),
            **_arrays("average", weights.whole(loop.average.values) if loop.average is not None else []),
            **{f"moments.{name}": _array(*weights.whole([value])) for name, value in loop.optimiser.state().items()},
        }

    def resume(self, found: Stored | None) -> bool:
        """Put the loop where a file left it; False if there was none.

        Args:
            found: What `read_checkpoint` gave, in every process.

        Raises:
            RunError: the file is of another training (data, seed or settings differ).
        """
        if found is None:
            return False
        told, arrays = found
        if told["identity"] != self.identity:
            differs = [k for k in self.identity if told["identity"].get(k) != self.identity[k]]
            raise RunError(f"{self.path} is of a training with other {', '.join(differs)}; remove it to train from the start")
        loop = self.loop
        loop.history = _history(told["history"])
        loop.weights.load(_tensors("weight", arrays))
        loop.kept.best = [part_like(b, p) for b, p in zip(_tensors("best", arrays), loop.kept.best, strict=True)]
        loop.kept.snapshots = {int(e): arrays["kept"][i] for i, e in enumerate(told["kept"])}
        if loop.crew.rank < len(arrays["noise"]):  # in more processes than before, the new ones draw anew
            loop.noise.set_state(torch.as_tensor(arrays["noise"][loop.crew.rank]))
            torch.set_rng_state(torch.as_tensor(arrays["torch"][loop.crew.rank]))
        if loop.probe is not None and told["probe"] is not None:
            loop.probe.resume(told["probe"])
        if loop.average is not None:
            loop.average.steps = int(told["average_steps"])
            for value, kept in zip(loop.average.values, _tensors("average", arrays), strict=True):
                value.copy_(part_like(kept, value))
        if loop.backward.scaler is not None and told["scaler"] is not None:
            loop.backward.scaler.load_state_dict(told["scaler"])
        loop.schedule.resume(told["schedule"])
        loop.optimiser.resume({n.removeprefix("moments."): torch.as_tensor(v) for n, v in arrays.items() if n.startswith("moments.")})
        return True


def read_checkpoint(folder: Path | None, crew: Crew | None = None) -> Stored | None:
    """What the checkpoint of a folder says and holds; None if there is none.

    Args:
        folder: Where it is; None for nowhere.
        crew: The processes, each of which is given what process 0 finds in its folder.

    Raises:
        RunError: it cannot be read.
    """
    path = (folder or Path()) / FILE
    found = path.read_bytes() if folder is not None and path.exists() else None
    found = found if crew is None else crew.sent(found)
    if not found:
        return None
    try:
        with np.load(io.BytesIO(found), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        told: dict[str, Any] = json.loads(arrays["json"].tobytes().decode("utf-8"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as problem:
        raise RunError(f"cannot read {path}: {problem}; remove it to train from the start") from problem
    return told, arrays


def identity_of(loop: Loop, settings: object, parts: Iterable[Data | None]) -> dict[str, str]:
    """What must be equal for a training to go on: short hashes, by name."""
    rows = hashlib.sha256()
    for data in parts:
        for tensor in data.fingerprint_parts() if data is not None else ():
            rows.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
            flat = tensor.detach().reshape(-1)
            # of what is too long to hash at each start, evenly spread entries stand for all
            stride = max(1, flat.numel() * flat.element_size() // MOST_HASHED_BYTES)
            rows.update(np.ascontiguousarray(_array(flat[::stride])).tobytes())
    knobs = json.dumps(plain(settings), sort_keys=True)
    return {
        "seed": str(loop.seed),
        "settings": hashlib.sha256(knobs.encode()).hexdigest()[:16],
        "shape": hashlib.sha256(loop.task.identity().encode()).hexdigest()[:16],
        "rows": rows.hexdigest()[:16],
    }


def _history(data: Mapping[str, Any]) -> History:
    made: History = build(History, data)
    for one in fields(History):
        if isinstance(getattr(made, one.name), tuple):
            setattr(made, one.name, list(getattr(made, one.name)))
    return made


def _array(tensor: Tensor) -> NDArray[Any]:
    """The numbers of a tensor; bfloat16, which NumPy lacks, as float32, which holds each of them."""
    there = tensor.detach().cpu()
    return (there.float() if there.dtype == torch.bfloat16 else there).numpy().copy()


def _arrays(kind: str, tensors: Iterable[Tensor]) -> dict[str, NDArray[Any]]:
    return {f"{kind}.{i}": _array(t) for i, t in enumerate(tensors)}


def _tensors(kind: str, arrays: Mapping[str, NDArray[Any]]) -> list[Tensor]:
    names = sorted((n for n in arrays if n.startswith(f"{kind}.")), key=lambda name: int(name.rpartition(".")[2]))
    return [torch.as_tensor(arrays[name]) for name in names]
