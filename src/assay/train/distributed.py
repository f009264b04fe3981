"""Several processes, on one machine or many, that train as one: each takes a part of every batch, all take the same step.

Where weights are flat, as here, one collective a step does what DistributedDataParallel does in its buckets: all gradients lie in one
buffer, whose tail carries the loss and what the processes wish, so that nothing else is ever sent in a step.
"""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from assay.core.errors import OptionError, RunError
from assay.train.crew import WISHES, Crew
from assay.train.joint_gradients import JointGradients
from assay.train.weights import Weights

T = TypeVar("T")

STEP = timedelta(minutes=30)  # of silence in the middle of a step, after which a process counts as stuck; a dead one is noticed at once
WAITING = timedelta(days=7)  # for orders: what process 0 does alone between two trainings may take long
STEPS_BETWEEN_WISHES = 16  # on a device that reading a number would stop
TAIL = 2 + len(WISHES)


class Processes(Crew):
    """The processes of torch.distributed: gloo between CPUs, NCCL between CUDA devices.

    Args:
        is_own: Whether this class began the group, and so ends it.
    """

    def __init__(self, *, is_own: bool) -> None:
        self.rank, self.world, self.is_own, self.is_left = dist.get_rank(), dist.get_world_size(), is_own, False
        self._orders: Any = dist.new_group(backend="gloo", timeout=WAITING)
        self._wishes, self._heard, self._steps = [False] * len(WISHES), [False] * len(WISHES), 0
        self._waiting: Tensor | None = None
        self._joint: tuple[Weights, JointGradients] | None = None

    # -- in each step ------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def average(self, weights: Weights, loss: Tensor, share: float) -> Tensor:
        if self._joint is None or self._joint[0] is not weights:
            self._joint = weights, JointGradients(weights, TAIL)
            self._wishes, self._heard, self._waiting = [False] * len(WISHES), [False] * len(WISHES), None
        joint = self._joint[1]
        joint.tail[1:] = torch.tensor([share, *map(float, self._wishes)], dtype=joint.tail.dtype)
        joint.tail[0] = loss
        with self._lost():
            for buffer in joint.gathered():
                dist.all_reduce(buffer)
        whole = joint.tail.clone()
        # a sharded network's gradients are the mean over processes already
        joint.scale((self.world if weights.is_sharded else 1.0) / whole[1])
        self._listen(whole[2:])
        return (whole[0] / whole[1]).to(loss.dtype)

    def _listen(self, wishes: Tensor) -> None:
        if not wishes.is_cuda:
            self._heard = [count > 0 for count in wishes.tolist()]
            return
        self._waiting = wishes if self._waiting is None else torch.maximum(self._waiting, wishes)
        self._steps += 1
        if self._steps % STEPS_BETWEEN_WISHES == 0:
            self._heard = [count > 0 for count in self._waiting.tolist()]
            self._waiting = None

    def heard(self, what: str, wish: bool) -> bool:
        place = WISHES.index(what)
        self._wishes[place] = wish
        return self._heard[place]

    # -- between steps -----------------------------------------------------------------------------------------------------

    def sum(self, values: Tensor) -> Tensor:
        total = values.clone()
        with self._lost():
            dist.all_reduce(total)
        return total

    def agree(self, wish: bool) -> bool:
        return self.told(wish)

    def told(self, value: T) -> T:
        text = self.sent(json.dumps(value).encode() if self.rank == 0 else None)
        return cast(T, json.loads(text))

    def sent(self, data: bytes | None) -> bytes:
        with self._lost():
            length = torch.tensor([len(data or b"") if self.rank == 0 else 0])
            dist.broadcast(length, 0, group=self._orders)
            buffer = torch.empty(int(length), dtype=torch.uint8)
            if self.rank == 0 and data:
                buffer.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
            if int(length):
                dist.broadcast(buffer, 0, group=self._orders)
        return buffer.numpy().tobytes()

    def all_told(self, value: T) -> list[T]:
        text = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        lengths = self.gathered(torch.tensor([len(text)])).flatten().tolist()
        padded = torch.zeros(max(lengths), dtype=torch.uint8)
        padded[: len(text)] = text
        return [json.loads(row[:n].numpy().tobytes()) for row, n in zip(self.gathered(padded), lengths, strict=True)]

    def gathered(self, values: Tensor) -> Tensor:
        each = [torch.empty_like(values) for _ in range(self.world)]
        with self._lost():
            dist.all_gather(each, values.contiguous(), group=self._orders)
        return torch.stack(each)

    @torch.no_grad()
    def start_equal(self, tensors: list[Tensor]) -> None:
        for alike in _by_kind(tensors):
            joined = torch.cat([t.detach().reshape(-1) for t in alike])
            with self._lost():
                dist.broadcast(joined, 0)
            for place, value in zip(alike, torch.split(joined, [t.numel() for t in alike]), strict=True):
                place.copy_(value.view(place.shape))

    @torch.no_grad()
    def level(self, buffers: list[Tensor]) -> None:
        self.start_equal([b for b in buffers if not b.is_floating_point()])  # counters: process 0 has a part of every batch
        for alike in _by_kind([b for b in buffers if b.is_floating_point()]):
            joined = self.sum(torch.cat([b.reshape(-1) for b in alike])) / self.world
            for place, value in zip(alike, torch.split(joined, [b.numel() for b in alike]), strict=True):
                place.copy_(value.view(place.shape))

    def together(self, work: Callable[[], T]) -> T:
        problem: Exception | None = None
        try:
            done = work()
        except Exception as found:
            problem = found
        told = self.all_told("" if problem is None else f"{type(problem).__name__}: {problem}")
        if problem is not None:
            raise problem
        failed = [(rank, text) for rank, text in enumerate(told) if text]
        if failed:
            rank, text = failed[0]
            raise RunError(f"process {rank} of {self.world} cannot go on, so no other does: {text}")
        return done

    def hold(self) -> None:
        self.gathered(torch.zeros(1))

    # -- ending ------------------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        if self.is_left or not self.is_own:
            return
        self.is_left = True
        self._orders = None
        if not torch.cuda.is_available():  # with NCCL, to wait for a lost process's end could hang; there the end of this one is its sign
            dist.destroy_process_group()

    def close(self) -> None:
        """End the group where all went well; at the end of the process."""
        if not self.is_left and dist.is_initialized():
            self.is_left = True
            dist.destroy_process_group()

    @contextmanager
    def _lost(self) -> Iterator[None]:
        """Say in a person's words that another process went away.

        Raises:
            RunError: it did, or did not answer in time.
        """
        if self.is_left:
            raise RunError(f"process {self.rank} of {self.world} left its training after a failure; start all {self.world} anew")
        try:
            yield
        except RuntimeError as problem:
            told = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
            raise RunError(
                f"process {self.rank} of {self.world} lost another one in the middle of a training, whose own message says why ({told}); "
                "start all anew, with resume where there is a checkpoint"
            ) from problem


@dataclass
class _Here:
    """The one group that this process belongs to."""

    processes: Processes | None = None


_HERE = _Here()


def processes_here() -> Processes:
    """The group that this process belongs to, begun from torchrun's environment if nobody began it.

    Raises:
        OptionError: there are fewer CUDA devices than processes on this machine.
        RunError: the processes cannot reach each other, or one of them was lost before.
    """
    known = _HERE.processes
    if known is not None and known.is_left:
        raise RunError(f"process {known.rank} of {known.world} left its training after a failure; start all {known.world} anew")
    if known is not None and dist.is_initialized():
        return known
    is_own = not dist.is_initialized()
    if is_own:
        _begin()
    made = Processes(is_own=is_own)
    _HERE.processes = made
    if is_own:
        atexit.register(made.close)
    return made


def _begin() -> None:
    has_cuda = torch.cuda.is_available()
    if has_cuda:
        place, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if place >= count:
            raise OptionError(f"process {place} of this machine has no CUDA device of its own, of {count} there; start {count} processes")
        torch.cuda.set_device(place)
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if has_cuda else "gloo", timeout=STEP)
    except (RuntimeError, ValueError) as problem:
        where = f"{os.environ.get('MASTER_ADDR', 'no MASTER_ADDR')}:{os.environ.get('MASTER_PORT', 'no MASTER_PORT')}"
        told = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise RunError(
            f"process {os.environ['RANK']} of {os.environ['WORLD_SIZE']} cannot reach the others at {where}: {told}; start all by torchrun"
        ) from problem


def _by_kind(tensors: list[Tensor]) -> list[list[Tensor]]:
    kinds: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for t in tensors:
        kinds.setdefault((t.dtype, t.device), []).append(t)
    return list(kinds.values())
