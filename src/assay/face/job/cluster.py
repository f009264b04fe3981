"""A run handed to a Ray cluster: its files go there, its progress comes back as it goes, and its folder at the end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from assay.core.errors import AssayError, ExtraMissing, InputError, RunError
from assay.face.config import Config, read_config
from assay.face.job.language_settings import LanguageSettings
from assay.face.job.parcel import Parcel, archive_of, packed, unpack
from assay.face.job.settings import Settings
from assay.face.job.stages import publish, stem_of
from assay.face.progress import Progress, Silent
from assay.train.folder import RunFolder, free_name

ADDRESS = "RAY_ADDRESS"
KNOCK_SECONDS = 10.0
SECONDS_BETWEEN_UPDATES = 0.2
FOLDER = "run"


def run_on_ray(
    settings: Settings | LanguageSettings,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Path:
    """Do a whole run as one task of a Ray cluster, and keep it here as a run folder.

    The cluster is the one at RAY_ADDRESS, as for every program of Ray; without it one is begun here and ended after the run. The files
    that the run reads are sent with it, and so is this version of Assay; what Assay needs (NumPy, PyTorch, ...) must be there.

    Args:
        settings: Of a run on a table or on a text.
        out: The run folder; the next free one under runs/ when None.
        overwrite: Replace an earlier run in `out`.
        config: The project's decisions about findings.
        progress: Listener; silent when None.

    Raises:
        ExtraMissing: ray is not installed.
        InputError: a file is not there, or the run refused its input.
        RunError: the cluster cannot be reached or lost the run, or the folder holds a run already.
    """
    if find_spec("ray") is None:
        raise ExtraMissing("training on a Ray cluster", "ray")
    listener, stem = progress or Silent(), stem_of(settings.source)
    path = Path(out) if out is not None else free_name(Path("runs"), stem)
    RunFolder.refuse(path, overwrite=overwrite)
    parcel = packed(settings, config.file if config is not None else None)
    listener.stage("ray")
    with joined() as ray:
        folder = heard(_events(ray, parcel), listener)
    path = path if out is not None else free_name(Path("runs"), stem)
    RunFolder.refuse(path, overwrite=overwrite)
    return _kept(folder, path, settings, None if out is None else str(out), parcel)


@contextlib.contextmanager
def joined() -> Iterator[Any]:
    """The ray module, in touch with the cluster; what was begun here for it is ended after.

    Raises:
        RunError: there is no cluster at RAY_ADDRESS.
    """
    address = os.environ.get(ADDRESS) or None
    if address is not None:
        _knock(address)
    # the cluster that is begun here tells nobody that it was; "local", for Ray would else look for one that somebody else began
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    is_ours = not ray.is_initialized()
    package = str(Path(__file__).parents[2])
    own: dict[str, Any] = {"include_dashboard": False} if address is None else {"runtime_env": {"py_modules": [package]}}
    try:
        if is_ours:
            ray.init(address=address or "local", logging_level=logging.ERROR, log_to_driver=False, **own)
    except (ConnectionError, RuntimeError, ValueError) as problem:
        told = " ".join(str(problem).split()) or type(problem).__name__
        where = f"at {ADDRESS}={address}" if address is not None else "on this machine"
        cure = "check the cluster with: ray status, and give its token, if it has one, as RAY_AUTH_TOKEN"
        raise RunError(f"cannot begin with Ray {where}: {told}; {cure}") from problem
    try:
        yield ray
    finally:
        if is_ours:
            ray.shutdown()


def _knock(address: str) -> None:
    """Ask whether somebody listens there, for Ray itself asks for minutes.

    Raises:
        RunError: nobody does.
    """
    host, _, port = address.rpartition("://")[2].partition(":")
    if not port.isdigit():  # "auto" and "local" name no machine
        return
    try:
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()
    except OSError as problem:
        raise RunError(
            f"no Ray cluster at {ADDRESS}={address}: {problem.strerror or problem}; start one with ray start --head, or unset {ADDRESS} "
            "to train on one that is begun here"
        ) from problem


def _events(ray: Any, parcel: Parcel) -> Iterator[str | bytes]:
    """What the task says, as it says it.

    Raises:
        RunError: the cluster lost the task.
    """
    task = ray.remote(num_returns="streaming", max_retries=0)(carried_out).remote(parcel)
    try:
        for told in task:
            yield ray.get(told)
    except ray.exceptions.RayError as problem:
        lines = [line.strip() for line in str(problem).strip().splitlines() if line.strip()]
        told = lines[-1] if lines else type(problem).__name__
        cure = "its machines need what Assay needs: pip install 'assay[torch]'"
        raise RunError(f"the Ray cluster lost the run: {told}; {cure}") from problem
    except BaseException:
        with contextlib.suppress(Exception):  # the first wish is to stop; a cluster that is gone needs no word
            ray.cancel(task, force=True)
        raise


def heard(events: Iterator[str | bytes], listener: Progress) -> bytes:
    """Tell a listener what comes from the task, and give the run folder's archive.

    Raises:
        InputError: the run refused its input.
        RunError: it failed otherwise.
    """
    for event in events:
        if isinstance(event, bytes):
            return event
        what, told = json.loads(event)
        if what == "stage":
            listener.stage(*told)
        elif what == "update":
            listener.update(*told)
        elif what == "note":
            listener.note(*told)
        elif what == "input":
            raise InputError(*told)
        else:
            raise RunError(*told)
    raise RunError("the Ray task ended without a run folder; look at the cluster's logs")


def _kept(data: bytes, path: Path, settings: Settings | LanguageSettings, out: str | None, parcel: Parcel) -> Path:
    """The run folder, whole or not at all, in which the sources are called as they are here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=path.parent) as waiting:
        folder = RunFolder(Path(waiting) / FOLDER)
        unpack(data, folder.path)
        folder.update(config=settings.to_json(), command=settings.command(out), worked_on="ray")
        if settings.to_json() != parcel.settings:
            publish(folder)
        if path.exists():
            path.rename(Path(waiting) / "before")
        folder.path.rename(path)
    return path


# -- in the cluster ----------------------------------------------------------------------------------------------------------


def carried_out(parcel: Parcel) -> Iterator[str | bytes]:
    """Do the run in a folder of its own; its progress as JSON texts, and the archive of its folder last."""
    events: queue.SimpleQueue[str | bytes | None] = queue.SimpleQueue()
    with tempfile.TemporaryDirectory() as place:
        # in a thread, so that what it says can be sent while it works
        threading.Thread(target=_work, args=(parcel, Path(place), events.put), daemon=True).start()
        while (event := events.get()) is not None:
            yield event


def _work(parcel: Parcel, place: Path, say: Callable[[str | bytes | None], None]) -> None:
    before = Path.cwd()
    last: str | bytes
    try:
        unpack(parcel.files, place)
        os.chdir(place)
        last = archive_of(_done(parcel, Told(say)))
    except InputError as problem:
        last = json.dumps(["input", [str(problem)]])
    except AssayError as problem:
        last = json.dumps(["failed", [str(problem)]])
    except Exception:
        last = json.dumps(["failed", [f"a fault of Assay on the cluster: {traceback.format_exc()}"]])
    finally:
        os.chdir(before)  # before the last word, after which the folder is taken away
    say(last)
    say(None)


def _done(parcel: Parcel, listener: Progress) -> Path:
    out, config = Path(FOLDER), read_config()
    if parcel.is_text:
        from assay.face.job import language

        return language.run(LanguageSettings.from_json(parcel.settings), out=out, config=config, progress=listener)
    from assay.face.job import pipeline

    settings = Settings.from_json(parcel.settings)
    return pipeline.run(settings.source, settings, out=out, config=config, progress=listener)


class Told:
    """A listener that sends what it hears, updates not more than a few times a second.

    Args:
        say: Sends one text.
    """

    def __init__(self, say: Callable[[str | bytes | None], None]) -> None:
        self._say, self._next = say, 0.0

    def stage(self, name: str) -> None:
        """Send."""
        self._say(json.dumps(["stage", [name]]))

    def update(self, done_share: float, loss: float | None, seconds_left: float | None, unit: str = "") -> None:
        """Send, if the last one is long enough ago."""
        if done_share >= 1.0 or time.monotonic() >= self._next:
            self._say(json.dumps(["update", [done_share, loss, seconds_left, unit]]))
            self._next = time.monotonic() + SECONDS_BETWEEN_UPDATES

    def note(self, text: str) -> None:
        """Send."""
        self._say(json.dumps(["note", [text]]))
