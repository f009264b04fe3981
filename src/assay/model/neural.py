"""What every neural model of rows shares, whatever its network: birth as the best constant, losses, weights, state."""

from __future__ import annotations

import importlib.util
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.core.errors import AssayError, ExtraMissing, RunError
from assay.core.evidence import build
from assay.core.seeds import seed_for
from assay.core.units import BITS_PER_NAT
from assay.model.contract import Model, Rows
from assay.model.encoded import Encoded
from assay.model.shape import SHAPE_KNOBS
from assay.objective.loss import LOSSES, SMALLEST_PROBABILITY

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from assay.model.network_input import NetworkInput
    from assay.model.neural_network import Inputs, NeuralNetwork
    from assay.objective.loss import Loss

MEASURED_ROWS, MEASURED_AT_ONCE = 64, 4


class NeuralModel(Model):
    """A network born as the best constant of its training rows.

    Predictions are softmax(start + output) with start the log prior, or centre + scale * output; the output layer is born at
    zero, so the loss at birth is the opening balance. A family says what it is shaped like, what it reads and which network that makes.

    Args:
        shape: What the network is built like; the usual one if None.

    Attributes:
        shape_type: Frozen dataclass of plain values; each field is a knob.
        input_type: How its rows become tensors.
        rows_at_once: At most so many rows go through the network together where nothing is learned.
        ledger_rows: At most so many held-out, and training, rows are followed along the path of the weights.
        usual_settings: How the loop trains this family, where nobody says otherwise; names as in `assay.train.Settings`.
        kept: Which epoch's weights these are, for people.
    """

    shape_type: ClassVar[type[Any]]
    input_type: ClassVar[type[NetworkInput]]
    rows_at_once: int = 8192
    ledger_rows: int = 2048
    usual_settings: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, shape: Any = None) -> None:
        self.shape = self.shape_type() if shape is None else shape
        self.kept = ""
        self._network: NeuralNetwork | None = None
        self._loss: Loss = LOSSES["log"]

    @classmethod
    def knobs(cls) -> tuple[str, ...]:
        """Which of `SHAPE_KNOBS` its shape has."""
        names = {field.name for field in fields(cls.shape_type)}
        return tuple(knob for knob in SHAPE_KNOBS if knob in names)

    @classmethod
    def shaped(cls, knobs: Mapping[str, Any]) -> Any:
        """The usual shape with these of its knobs turned.

        Raises:
            OptionError: a value is not accepted.
        """
        return replace(cls.shape_type(), **knobs)

    @abstractmethod
    def make_network(self, fed: Any, outputs: int) -> NeuralNetwork:
        """The network for what the input learned (an `input_type`), its weights not drawn yet."""

    @classmethod
    def usual_lengths(cls, rows: int) -> Mapping[str, Any]:
        """What else is usual for so many training rows, such as the epochs; as `usual_settings`, where nobody says otherwise."""
        return {}

    # -- building ----------------------------------------------------------------------------------------------------------

    def build(self, train: Rows, *, loss: Loss, classes: int, seed: int) -> None:
        """Take scaling and prior from the training rows and draw the weights, without training them.

        Raises:
            ExtraMissing: torch is not installed.
            OptionError: the rows hold nothing that this family reads.
        """
        target = train.target
        constant = np.atleast_1d(loss.best_constant(target, train.weight, classes)).astype(np.float64)
        if loss.task == "classification":
            start, scale = np.log(constant), 1.0
        else:
            start = constant
            deviation = float(np.std(target.astype(np.float64)))
            scale = deviation if deviation > 0 else 1.0
        self._assemble(loss, self.input_type.fit(train, self.shape), start, scale)
        import torch

        self.network.be_born(torch.Generator().manual_seed(seed_for(seed, f"{self.name} weights")))

    def _assemble(self, loss: Loss, fed: NetworkInput, start: NDArray[np.float64], scale: float) -> None:
        if importlib.util.find_spec("torch") is None:
            raise ExtraMissing(f"the {self.name.upper()}", "torch")
        import torch

        self._loss, self._fed, self._scale = loss, fed, scale
        self._start = torch.as_tensor(start, dtype=torch.float64)
        self._network = self.make_network(fed, len(start))
        self._network.eval()

    @property
    def is_built(self) -> bool:
        """Whether it has weights, drawn or trained."""
        return self._network is not None

    @property
    def network(self) -> NeuralNetwork:
        """The torch module.

        Raises:
            AssayError: it was not built yet.
        """
        if self._network is None:
            raise AssayError(f"this {self.name} model has 0 weights yet; call build, fit or from_state first")
        return self._network

    @property
    def loss(self) -> Loss:
        """The loss that it was built to minimise."""
        return self._loss

    @property
    def start(self) -> torch.Tensor:
        """The best constant that it was born as: log prior of the classes, or the mean or median, float64."""
        return self._start

    @property
    def fed(self) -> Any:
        """What its input learned from the training rows, an `input_type`."""
        return self._fed

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of its number inputs."""
        return self._fed.number_names

    @property
    def n_weights(self) -> int:
        """Number of weights."""
        return sum(p.numel() for p in self.network.parameters())

    # -- the contract ------------------------------------------------------------------------------------------------------

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        """Learn by plain AdamW with the best epoch kept; `assay.train.fit` is the scheduled, watched, resumable way."""
        self.build(train, loss=loss, classes=classes, seed=seed)
        import torch

        network, stream = self.network, torch.Generator().manual_seed(seed_for(seed, f"{self.name} steps"))
        network.noise = stream
        inputs, target, weight = self.inputs(train.data), self.targets(train.target), self.weights(train.weight)
        optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
        best, best_loss, waited = self.flat(), self._valid_loss(valid), 0
        patience = max(5, -(-60 // -(-inputs.rows // 256)))  # epochs, of at least 60 steps together
        while waited < patience:
            network.train()
            for rows in torch.split(torch.randperm(inputs.rows, generator=stream), 256):
                optimiser.zero_grad()
                per_row = self.training_losses(inputs.take(rows), target[rows])
                torch.autograd.backward(per_row.mean() if weight is None else (per_row * weight[rows]).mean())
                optimiser.step()
            network.eval()
            now = self._valid_loss(valid)
            best, best_loss, waited = (self.flat(), now, 0) if now < best_loss else (best, best_loss, waited + 1)
        self.load_parameters(best)

    def _valid_loss(self, valid: Rows) -> float:
        return self._loss.mean(valid.target, self.predict(valid.data), valid.weight)

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        import torch

        self.network.eval()
        inputs = self.inputs(data)
        with torch.inference_mode():
            pieces = self.pieces(inputs)
            parts = [self._prediction(self.network(inputs.take(rows))).numpy() for rows in pieces]
        predicted = np.concatenate(parts)
        return predicted[np.argsort(np.concatenate([rows.numpy() for rows in pieces]), kind="stable")]

    def _prediction(self, added: torch.Tensor) -> torch.Tensor:
        if self._loss.task == "classification":
            return (self._start + added.double()).softmax(dim=1)
        return self._start[0] + self._scale * added.double()[:, 0]

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        constant = self._start.softmax(dim=0).numpy() if self._loss.task == "classification" else self._start[0].numpy()
        yield "constant", np.broadcast_to(constant, (data.rows, *constant.shape)).copy()
        yield self.name, self.predict(data)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        told, arrays = self._fed.state()
        data = {"shape": asdict(self.shape), "loss": self._loss.name, "scale": self._scale, "kept": self.kept, **told}
        weights = {f"weight.{n}": a for n, a in self.parameters().items()}
        return data, {**arrays, **weights, "start": self._start.numpy().copy()}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        made = cls(build(cls.shape_type, data["shape"], f"the shape of {cls.name}"))
        start = np.asarray(arrays["start"], dtype=np.float64)
        made._assemble(LOSSES[data["loss"]], cls.input_type.from_state(data, arrays), start, float(data["scale"]))
        made.load_parameters({n.removeprefix("weight."): a for n, a in arrays.items() if n.startswith("weight.")})
        made.kept = str(data["kept"])
        return made

    # -- what training and the ledger need ---------------------------------------------------------------------------------

    def inputs(self, data: Encoded) -> Inputs:
        """The encoded rows as the tensors that the network reads; make them once where they are used often."""
        return self._fed.read(data, next(self.network.parameters()).dtype)

    def pieces(self, inputs: Inputs) -> tuple[torch.Tensor, ...]:
        """All its rows (positions), each once, in pieces that may go through the network together where nothing is learned."""
        import torch

        return torch.split(self._fed.order(inputs), self.rows_at_once)

    def row_seconds(self, data: Encoded) -> float:
        import torch

        from assay.model.work import forward_seconds

        self.network.eval()
        some = np.unique(np.linspace(0, max(data.rows - 1, 0), MEASURED_ROWS).astype(np.intp))
        inputs = self.inputs(data.take(some[: data.rows]))
        # few at once, for they are padded to the longest of each batch
        batches = torch.split(self._fed.order(inputs), MEASURED_AT_ONCE)
        return forward_seconds(self.network, [inputs.take(rows) for rows in batches])

    def targets(self, target: NDArray[Any]) -> torch.Tensor:
        """Targets as a tensor: class numbers, or float64 values in their own unit."""
        import torch

        return torch.as_tensor(np.asarray(target, np.int64 if self._loss.task == "classification" else np.float64))

    def weights(self, weight: NDArray[np.float64] | None) -> torch.Tensor | None:
        """Row weights as a tensor of mean 1, or None."""
        import torch

        return None if weight is None else torch.as_tensor(np.asarray(weight, np.float64) / np.mean(weight))

    def training_losses(self, inputs: Inputs, target: torch.Tensor) -> torch.Tensor:
        """The loss of each row, differentiable: `losses` divided by `loss_scale`, so that its size does not hang on the target's unit."""
        return self._row_losses(self.network(inputs), target) / self.loss_scale

    @property
    def loss_scale(self) -> float:
        """What turns the training loss into the loss's unit: bits a nat, or the target's spread (squared for squared error)."""
        return {"log": BITS_PER_NAT, "squared": self._scale**2, "absolute": self._scale}[self._loss.name]

    def losses(self, inputs: Inputs, target: torch.Tensor) -> torch.Tensor:
        """The loss of each row in the loss's unit, float64, without dropout, as `Loss.per_row` has it; differentiable."""
        self.network.eval()
        return self._row_losses(self.network(inputs), target)

    def _row_losses(self, added: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if self._loss.task == "classification":
            logs = (self._start + added.double()).log_softmax(dim=1)
            chosen = logs.gather(1, target[:, None])[:, 0]
            return -chosen.clamp(min=float(np.log(SMALLEST_PROBABILITY))) * BITS_PER_NAT
        off = target - (self._start[0] + self._scale * added.double()[:, 0])
        return off.square() if self._loss.name == "squared" else off.abs()

    def loss_on(
        self, data: Encoded | Inputs, target: NDArray[Any] | torch.Tensor, weight: NDArray[np.float64] | None = None
    ) -> torch.Tensor:
        """The mean loss of these rows in the loss's unit, as a differentiable scalar, without dropout."""
        import torch

        inputs = self.inputs(data) if isinstance(data, Encoded) else data
        wanted = target if isinstance(target, torch.Tensor) else self.targets(target)
        per_row, weights = self.losses(inputs, wanted), self.weights(weight)
        return per_row.mean() if weights is None else (per_row * weights).mean()

    def groups(self) -> dict[str, list[str]]:
        """Layer name for people ("embeddings", "hidden 1", ..., "output") -> its parameter names."""
        return self.network.groups()

    def spans(self) -> dict[str, slice]:
        """Layer name -> its place in the flat weight vector; the spans follow each other and cover all of it."""
        sizes = {name: p.numel() for name, p in self.network.named_parameters()}
        found, at = {}, 0
        for group, names in self.groups().items():
            length = sum(sizes[n] for n in names)
            found[group] = slice(at, at + length)
            at += length
        return found

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Copies of all weights by parameter name."""
        return {name: p.detach().numpy().copy() for name, p in self.network.named_parameters()}

    def flat(self) -> NDArray[Any]:
        """A copy of all weights as one vector."""
        return np.concatenate([p.ravel() for p in self.parameters().values()])

    def load_parameters(self, values: NDArray[Any] | Mapping[str, NDArray[Any]]) -> None:
        """Put weights in place, from a flat vector in the order of `flat` or from arrays by parameter name.

        Raises:
            RunError: a name or a size does not fit this network.
        """
        import torch

        known = dict(self.network.named_parameters())
        if not isinstance(values, Mapping):
            sizes = [p.numel() for p in known.values()]
            if len(values) != sum(sizes):
                raise RunError(f"got {len(values):,} weights for a network of {sum(sizes):,}; they are of another model")
            pieces = np.split(values, np.cumsum(sizes)[:-1])
            values = {n: v.reshape(tuple(p.shape)) for (n, p), v in zip(known.items(), pieces, strict=True)}
        wrong = set(values) ^ set(known) | {n for n, v in values.items() if n in known and v.shape != tuple(known[n].shape)}
        if wrong:
            raise RunError(f"weights do not fit this network at {sorted(wrong)[:3]}; they are of another model or version")
        with torch.no_grad():
            for name, value in values.items():
                known[name].copy_(torch.as_tensor(np.asarray(value)))
