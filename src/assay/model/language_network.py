"""Neural language models as the ladder, the ledger and `assay generate` use them, whatever their network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from assay.core.errors import OptionError, RunError, nearest
from assay.core.units import BITS_PER_NAT
from assay.model.language import Reading, TokenModel
from assay.model.language_windows import Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

FAMILIES = ("rnn", "gru", "lstm", "transformer")
LOWEST_COMPLEXITY = 8
CELLS_AT_ONCE = 1 << 18


class NetworkReading(Reading):
    """A text that a network reads with a cache; when that is full, the last half of a block is read anew.

    A recurrent network, whose state has no length, goes on for ever.
    """

    def __init__(self, model: LanguageNetwork, tokens: NDArray[np.int32]) -> None:
        super().__init__(model, tokens)
        self._network = model.network
        self._longest: int | None = model.network.longest  # type: ignore[assignment]
        self._kept = max(1, model.block // 2)
        self._waiting = self._tokens[-(self._longest or len(self._tokens)) :]
        self._cache: Any = None
        self._read = 0

    @torch.no_grad()
    def shares(self) -> NDArray[np.float64]:
        """Probability of each token to come next, shape (vocab,)."""
        if self._cache is None or (self._longest is not None and self._read + len(self._waiting) > self._longest):
            self._waiting = self._waiting if self._cache is None else self._tokens[-self._kept :]
            self._cache, self._read = self._network.new_cache(), 0  # type: ignore[operator]
        self._network.eval()
        logits = self._network(torch.tensor([self._waiting]), cache=self._cache)[0, -1].double()
        self._read, self._waiting = self._read + len(self._waiting), []
        return np.asarray(torch.softmax(logits, dim=-1).numpy())

    def add(self, token: int) -> None:
        """The text goes on with this token."""
        super().add(token)
        self._waiting.append(token)


class LanguageNetwork(TokenModel):
    """A network that predicts each next token of a block, judged with at least half a block of context.

    Args:
        family: "transformer", "lstm", "gru" or "rnn".
        shape: Its sizes, as JSON: vocab, layers, width, block and so on.
        network: One of that shape that is there already; made when None, undrawn.

    Raises:
        OptionError: there is no such family, or a size is not accepted.

    Example:
        >>> model = LanguageNetwork("transformer", {"vocab": 5, "layers": 1, "width": 8, "heads": 2, "block": 4})
        >>> model.be_born(torch.Generator().manual_seed(0))
        >>> bool(abs(model.bits(np.array([0, 1, 2, 3, 4, 0], dtype=np.int32)).mean() - np.log2(5)) < 0.1)
        True
    """

    def __init__(self, family: str, shape: Mapping[str, Any], network: nn.Module | None = None) -> None:
        if family not in FAMILIES:
            raise OptionError(f"no neural language model {family!r}; {nearest(family, FAMILIES)}")
        self.name, self.shape = family, dict(shape)
        self.complexity = LOWEST_COMPLEXITY + FAMILIES.index(family)
        self.vocab = int(shape["vocab"])
        self.network: nn.Module = _network(family, self.shape) if network is None else network
        self.kept = ""

    @property
    def block(self) -> int:
        return int(self.shape["block"])

    @property
    def cuts(self) -> tuple[int, ...]:
        return tuple(2**power for power in range(32) if 2**power <= self.block // 2)

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(p.numel() for p in self.network.parameters())

    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew."""
        self.network.be_born(generator)  # type: ignore[operator]

    def bits(self, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
        windows = Windows(len(tokens), self.block)
        found = np.empty(len(tokens) - 1)
        for rows, inputs in self._batches(tokens, windows, np.arange(len(windows)), self.block):
            logs = torch.log_softmax(self._logits(inputs), dim=-1)
            targets = torch.from_numpy(windows.follow(tokens, rows).astype(np.int64))
            nats = -logs.gather(2, targets[:, :, None])[:, :, 0].double().numpy()
            places, row, column = windows.counted(rows)
            found[places - 1] = nats[row, column] * BITS_PER_NAT
        return found

    def probabilities(self, tokens: NDArray[np.int32], places: NDArray[np.intp]) -> NDArray[np.float64]:
        windows = Windows(len(tokens), self.block)
        window, column = windows.of(places)
        wanted = np.unique(window)
        found = np.empty((len(places), self.vocab))
        for rows, inputs in self._batches(tokens, windows, wanted, self.block):
            shares = torch.softmax(self._logits(inputs).double(), dim=-1).numpy()
            here = np.flatnonzero(np.isin(window, rows))
            found[here] = shares[np.searchsorted(rows, window[here]), column[here]]
        return found

    def cut_bits(self, tokens: NDArray[np.int32], places: NDArray[np.intp], contexts: Sequence[int]) -> NDArray[np.float64]:
        found = np.empty((len(contexts), len(places)))
        for line, context in enumerate(contexts):
            known = np.minimum(places, min(context, self.block))
            for length in np.unique(known):
                here = np.flatnonzero(known == length)
                for some in np.array_split(here, max(1, len(here) * int(length) * self.vocab // CELLS_AT_ONCE + 1)):
                    found[line, some] = self._last_bits(tokens, places[some], int(length))
        return found

    def _last_bits(self, tokens: NDArray[np.int32], places: NDArray[np.intp], length: int) -> NDArray[np.float64]:
        inputs = tokens[places[:, None] - length + np.arange(length)]
        logs = torch.log_softmax(self._logits(inputs)[:, -1].double(), dim=-1).numpy()
        return np.asarray(-logs[np.arange(len(places)), tokens[places]] * BITS_PER_NAT)

    def next_probabilities(self, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
        logits = self._logits(tokens[None, -self.block :])[0, -1].double()
        return np.asarray(torch.softmax(logits, dim=-1).numpy())

    def reading(self, tokens: NDArray[np.int32]) -> Reading:
        return NetworkReading(self, tokens)

    def likeliest(self, tokens: NDArray[np.int32], n_tokens: int, beams: int) -> NDArray[np.int32] | None:
        from assay.model.decoding import beam_search

        found = beam_search(self.network, torch.from_numpy(tokens.astype(np.int64)), n_tokens, beams=beams)  # type: ignore[arg-type]
        return np.asarray(found[0].tokens.numpy(), dtype=np.int32)

    def _batches(
        self, tokens: NDArray[np.int32], windows: Windows, rows: NDArray[np.intp], length: int
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int32]]]:
        at_once = max(1, CELLS_AT_ONCE // (length * self.vocab))
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            yield some, windows.inputs(tokens, some)

    @torch.no_grad()
    def _logits(self, inputs: NDArray[np.int32]) -> Tensor:
        was = self.network.training
        self.network.eval()
        logits: Tensor = self.network(torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.int64))).float()
        self.network.train(was)
        return logits

    def groups(self) -> dict[str, list[str]]:
        """Layer name for people -> parameter names, in the order of the data's way."""
        found: dict[str, list[str]] = self.network.groups()  # type: ignore[operator]
        return found

    def flat(self) -> NDArray[np.float32]:
        """All weights in the order of the network's parameters, one after the other."""
        return np.concatenate([p.detach().numpy().ravel() for p in self.network.parameters()])

    def spans(self) -> dict[str, NDArray[np.intp]]:
        """Layer name -> positions of its weights in `flat`."""
        start, positions = 0, {}
        for name, parameter in self.network.named_parameters():
            positions[name] = np.arange(start, start + parameter.numel())
            start += parameter.numel()
        return {layer: np.concatenate([positions[name] for name in names]) for layer, names in self.groups().items()}

    @torch.no_grad()
    def load_parameters(self, flat: NDArray[Any]) -> None:
        """Put weights in the order of `flat` into the network."""
        start = 0
        for parameter in self.network.parameters():
            part = torch.from_numpy(np.asarray(flat[start : start + parameter.numel()]))
            parameter.copy_(part.view(parameter.shape))
            start += parameter.numel()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays = {name: parameter.detach().numpy().copy() for name, parameter in self.network.named_parameters()}
        return {"family": self.name, "shape": self.shape, "kept": self.kept}, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        made = cls(str(data["family"]), data["shape"])
        for name, parameter in made.network.named_parameters():
            if name not in arrays or tuple(arrays[name].shape) != tuple(parameter.shape):
                seen = tuple(arrays[name].shape) if name in arrays else "nothing"
                raise RunError(f"weights {name!r} are {seen}, expected {tuple(parameter.shape)}; the file is of another version, or cut")
            parameter.data.copy_(torch.from_numpy(np.asarray(arrays[name])))
        made.network.eval()
        made.kept = str(data.get("kept", ""))
        return made

    def describe(self) -> str:
        sizes = f"{self.shape['layers']} layers of width {self.shape['width']}, {self.parameters:,} weights"
        return f"{sizes}, blocks of {self.block} tokens" + (f"; {self.kept}" if self.kept else "")


def _network(family: str, shape: Mapping[str, Any]) -> nn.Module:
    if family == "transformer":
        from assay.model.transformer import LanguageModel
        from assay.model.transformer_shape import TransformerShape

        return LanguageModel(TransformerShape(**shape))
    from assay.model.recurrent_language import RecurrentLanguageModel

    return RecurrentLanguageModel(family, **{name: value for name, value in shape.items() if name != "block"})
