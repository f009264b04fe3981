"""MNIST by a small MLP, 784-128-10: our loop beside a tight hand-written one, skorch, Lightning and a textbook's script, one thread.

All train the same network from the same weights with Adam at 1e-3 and batches of 64. They take turns, an epoch each, in one process, so
that a busy machine slows them alike; the figures are processor seconds an epoch, medians, and the promises are ratios of them.
"""

from __future__ import annotations

import copy
import importlib.util
import logging
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measured import Measured

MNIST = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist" / "mnist.npz"
BATCH, RATE, EPOCHS = 64, 1e-3, 5
TEXTBOOK_ROWS = 6_000  # of 60,000: its epoch takes minutes, its rows cost the same each
ACCURACY = 0.974
PROMISES = {"tight loop": 0.7, "skorch": 1 / 3, "Lightning": 1 / 6, "textbook script": 1 / 20}


def run(quick: bool) -> list[Measured]:
    """One line for the accuracy, one for each peer's ratio."""
    if not MNIST.is_file():
        return [Measured("MNIST MLP", "not measured", f"needs {MNIST}", False)]
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measure(2 if quick else EPOCHS)
    finally:
        torch.set_num_threads(threads)


def _measure(epochs: int) -> list[Measured]:
    import torch

    arrays = np.load(MNIST, allow_pickle=False)
    x, y = torch.as_tensor(arrays["x_train"]).reshape(-1, 784).float().div_(255), torch.as_tensor(arrays["y_train"]).long()
    x_test, y_test = torch.as_tensor(arrays["x_test"]).reshape(-1, 784).float().div_(255), torch.as_tensor(arrays["y_test"]).long()
    born = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    stream = torch.Generator().manual_seed(0)
    for p in born.parameters():  # torch's own birth, from a stream of our own
        limit = (784 if p.shape[0] == 128 else 128) ** -0.5
        torch.nn.init.uniform_(p, -limit, limit, generator=stream)
    runners: dict[str, Iterator[float]] = {"assay": _assay(copy.deepcopy(born), x, y, epochs)}
    makers: dict[str, tuple[str, Callable[..., Iterator[float]]]] = {
        "tight loop": ("torch", _tight),
        "skorch": ("skorch", _skorch),
        "Lightning": ("lightning", _lightning),
        "textbook script": ("PIL", _textbook),
    }
    for name, (package, maker) in makers.items():
        if importlib.util.find_spec(package) is not None:
            runners[name] = maker(copy.deepcopy(born), x, y, epochs)
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(epochs):
        for name, epoch in runners.items():
            seconds[name].append(next(epoch))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    ours = medians["assay"]
    found = [_accuracy(born, x, y, x_test, y_test, epochs)]
    for name, promised in PROMISES.items():
        promise = f"at most {promised:.2g} of the {name}'s"
        if name not in medians:
            found.append(Measured(f"MNIST MLP beside {name}", "not measured", promise, False))
            continue
        ratio = ours / medians[name]
        told = f"{ratio:.3f} ({ours:.2f} of {medians[name]:.2f} CPU s/epoch)"
        found.append(Measured(f"MNIST MLP beside {name}", told, promise, ratio <= promised))
    return found


def _settings(epochs: int) -> Any:
    from assay.train import Settings

    return Settings(
        optimiser="adam",
        learning_rate=RATE,
        batch_rows=BATCH,
        epochs=epochs,
        schedule="constant",
        clip_norm=None,
        measure_train=False,
        threads=1,
    )


def _accuracy(born: Any, x: Any, y: Any, x_test: Any, y_test: Any, epochs: int) -> Measured:
    import torch

    from assay.train import TensorData, fit

    shares = []
    for seed in range(1 if epochs < EPOCHS else 3):
        run = fit(copy.deepcopy(born), "log", TensorData(x, y), settings=_settings(epochs), seed=seed)
        with torch.no_grad():
            shares.append(float((run.network(x_test).argmax(1) == y_test).double().mean()))
    share = statistics.median(shares)
    return Measured(f"MNIST MLP, {epochs} epochs, test accuracy", f"{share:.4f}", f"at least {ACCURACY}", share >= ACCURACY)


def _turns(train: Callable[[Callable[[], None]], None]) -> Iterator[float]:
    """Processor seconds of each epoch of a training that calls back after each: it runs in a thread that waits for its turn."""
    import threading

    import torch

    go, done = threading.Semaphore(0), threading.Semaphore(0)
    seconds: list[float] = []
    started = [0.0]

    def after_epoch() -> None:
        seconds.append(time.process_time() - started[0])
        done.release()
        go.acquire()
        started[0] = time.process_time()

    def work() -> None:
        torch.set_num_threads(1)  # a thread of its own begins with all of them
        go.acquire()
        started[0] = time.process_time()
        train(after_epoch)
        done.release()

    threading.Thread(target=work, daemon=True).start()
    place = 0
    while True:
        go.release()
        done.acquire()
        if place >= len(seconds):
            return
        yield seconds[place]
        place += 1


def _assay(network: Any, x: Any, y: Any, epochs: int) -> Iterator[float]:
    from assay.train import TensorData, fit

    def train(after_epoch: Callable[[], None]) -> None:
        data = TensorData(x, y)
        fit(network, "log", data, settings=_settings(epochs + 1), callbacks=[lambda _moment: after_epoch()])

    return _turns(train)


def _tight(network: Any, x: Any, y: Any, epochs: int) -> Iterator[float]:
    import torch

    def train(after_epoch: Callable[[], None]) -> None:
        optimiser = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
        stream = torch.Generator().manual_seed(0)
        cross_entropy = torch.nn.functional.cross_entropy
        for _ in range(epochs + 1):
            for rows in torch.randperm(len(x), generator=stream).split(BATCH):
                optimiser.zero_grad(set_to_none=True)
                cross_entropy(network(x.index_select(0, rows)), y.index_select(0, rows)).backward()
                optimiser.step()
            after_epoch()

    return _turns(train)


def _skorch(network: Any, x: Any, y: Any, epochs: int) -> Iterator[float]:
    import torch
    from skorch import NeuralNetClassifier
    from skorch.callbacks import Callback

    def train(after_epoch: Callable[[], None]) -> None:
        class Turn(Callback):
            def on_epoch_end(self, net: Any, **_: Any) -> None:
                after_epoch()

        net = NeuralNetClassifier(
            network,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            optimizer__fused=True,
            lr=RATE,
            batch_size=BATCH,
            max_epochs=epochs + 1,
            iterator_train__shuffle=True,
            train_split=None,
            callbacks=[Turn()],
            verbose=0,
        )
        net.fit(x, y)

    return _turns(train)


def _lightning(network: Any, x: Any, y: Any, epochs: int) -> Iterator[float]:
    import lightning
    import torch

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def training_step(self, batch: Any, _: int) -> Any:
            return torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=RATE, fused=True)

    def train(after_epoch: Callable[[], None]) -> None:
        class Turn(lightning.Callback):
            def on_train_epoch_end(self, *_: Any) -> None:
                after_epoch()

        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=epochs + 1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[Turn()],
        )
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=BATCH, shuffle=True)
        trainer.fit(Module(), loader)

    return _turns(train)


def _textbook(network: Any, x: Any, y: Any, epochs: int) -> Iterator[float]:
    """The script of the tutorials: images through ToTensor and Normalize one by one, a loader, a step of five lines, running figures.

    The two transforms do what torchvision's do, check for check.
    """
    import torch
    from PIL import Image

    images, targets = (x[:TEXTBOOK_ROWS].reshape(-1, 28, 28) * 255).round().to(torch.uint8), y[:TEXTBOOK_ROWS]

    def to_tensor(image: Any) -> Any:
        tensor = torch.from_numpy(np.array(image, np.uint8, copy=True))
        return tensor.view(image.size[1], image.size[0], 1).permute((2, 0, 1)).contiguous().to(torch.get_default_dtype()).div(255)

    def normalised(tensor: Any) -> Any:
        tensor = tensor.clone()
        mean, std = (torch.as_tensor((v,), dtype=tensor.dtype, device=tensor.device) for v in (0.1307, 0.3081))
        if (std == 0).any():
            raise ValueError("a channel with a deviation of 0")
        return tensor.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))

    class Digits(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, row: int) -> tuple[Any, int]:
            return normalised(to_tensor(Image.fromarray(images[row].numpy()))), int(targets[row])

    loader = torch.utils.data.DataLoader(Digits(), batch_size=BATCH, shuffle=True)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    criterion = torch.nn.CrossEntropyLoss()
    for _ in range(epochs + 1):
        started, total, correct = time.process_time(), 0.0, 0
        network.train()
        for batch, wanted in loader:
            optimiser.zero_grad()
            outputs = network(batch.flatten(1))
            loss = criterion(outputs, wanted)
            loss.backward()
            optimiser.step()
            total += loss.item()
            correct += (outputs.argmax(1) == wanted).sum().item()
        yield (time.process_time() - started) * len(x) / TEXTBOOK_ROWS
