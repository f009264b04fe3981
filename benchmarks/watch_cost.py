"""What watching costs: the same loop bare and watched, in turns, one thread; the figure is CPU time of the watched blocks over the bare.

Networks are those of the published comparisons: an MLP of 784-128-10 at batches of 64 and 512, a small CNN, an LSTM, a transformer of four
layers. The first blocks, in which the watch looks densely, count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measured import Measured

PROMISE = 1.05
BLOCKS, QUICK_BLOCKS = 24, 10
SECONDS_A_BLOCK = 0.5


def run(quick: bool) -> Iterator[Measured]:
    """One line a network, and what the watch itself says that it took."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name, make in _networks().items():
            yield _measure(name, make, QUICK_BLOCKS if quick else BLOCKS)
    finally:
        torch.set_num_threads(threads)


def _measure(name: str, make: Callable[[], tuple[Any, Any, Any, int]], blocks: int) -> Measured:
    bare, _ = _loop(make, watched=False)
    watched, watch = _loop(make, watched=True)
    steps = 8
    while bare(steps) < SECONDS_A_BLOCK:
        steps *= 2
    pairs = [(bare(steps), watched(steps)) for _ in range(blocks)]
    watch.close()
    ratio = sum(b for _, b in pairs) / sum(a for a, _ in pairs)
    late = statistics.median(b / a for a, b in pairs[2:])
    told = (
        f"{ratio:.3f} (median of later blocks {late:.3f}; by its own books {watch.overhead:.1%}; {1e3 * pairs[0][0] / steps:.2f} ms a step)"
    )
    return Measured(f"watching {name}", told, f"at most {PROMISE}", ratio <= PROMISE)


def _loop(make: Callable[[], tuple[Any, Any, Any, int]], *, watched: bool) -> tuple[Callable[[int], float], Any]:
    """A function that trains for so many steps and gives their CPU seconds."""
    import torch

    import assay

    torch.manual_seed(0)
    model, x, y, batch = make()
    optimizer, loss_fn = torch.optim.Adam(model.parameters(), lr=1e-3), torch.nn.CrossEntropyLoss()
    watch: Any = assay.watch(model, optimizer, loss_fn) if watched else None

    def go(steps: int) -> float:
        began = time.process_time()
        for _ in range(steps):
            rows = torch.randint(len(x), (batch,))
            optimizer.zero_grad()
            loss = loss_fn(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            if watch is not None:
                watch.step(loss)
        return time.process_time() - began

    return go, watch


def _networks() -> dict[str, Callable[[], tuple[Any, Any, Any, int]]]:
    import torch
    from torch import nn

    class Last(nn.Module):
        """The head sees a sequence's last state, or its mean."""

        def __init__(self, first: Any, body: Any, pool: Callable[[Any], Any]) -> None:
            super().__init__()
            self.first, self.body, self.head, self.pool = first, body, nn.Linear(128, 10), pool

        def forward(self, x: Any) -> Any:
            return self.head(self.pool(self.body(self.first(x))))

    def labels(rows: int) -> Any:
        return torch.randint(0, 10, (rows,))

    def mlp(batch: int) -> tuple[Any, Any, Any, int]:
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)), torch.randn(4096, 784), labels(4096), batch

    def cnn() -> tuple[Any, Any, Any, int]:
        blocks = [m for i, o in ((1, 16), (16, 32)) for m in (nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))]
        return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(32 * 49, 10)), torch.randn(512, 1, 28, 28), labels(512), 32

    def lstm() -> tuple[Any, Any, Any, int]:
        return Last(nn.Identity(), nn.LSTM(32, 128, batch_first=True), lambda out: out[0][:, -1]), torch.randn(512, 32, 32), labels(512), 32

    def transformer() -> tuple[Any, Any, Any, int]:
        body = nn.TransformerEncoder(nn.TransformerEncoderLayer(128, 4, 512, 0.0, batch_first=True), 4, enable_nested_tensor=False)
        return Last(nn.Embedding(65, 128), body, lambda out: out.mean(1)), torch.randint(0, 65, (512, 64)), labels(512), 8

    return {
        "an MLP, batch 64": lambda: mlp(64),
        "an MLP, batch 512": lambda: mlp(512),
        "a CNN": cnn,
        "an LSTM": lstm,
        "a transformer of 4 layers": transformer,
    }
