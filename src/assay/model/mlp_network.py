"""The MLP's torch module: numbers with their bins, embeddings and bags of n-grams, hidden layers, an output born silent."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.model.activation import activation
from assay.model.initialise import initialise
from assay.model.neural_network import NeuralNetwork
from assay.model.norm import Norm, norm
from assay.model.shape import BIRTHS
from assay.model.unborn import unborn_linear, unborn_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.model.mlp_scaling import NumberScaling
    from assay.model.table_input import TableTensors

TEXT_UNITS = 32
MOST_EMBEDDING_UNITS = 32


def embedding_units(size: int) -> int:
    """Dimensions for a category column of so many codes: about 1.6 * size ** 0.56, at most 32.

    Source: fast.ai's rule of thumb for tabular embeddings.

    Example:
        >>> embedding_units(3), embedding_units(1000)
        (3, 32)
    """
    return min(MOST_EMBEDDING_UNITS, max(1, round(1.6 * math.pow(size, 0.56))))


class Network(NeuralNetwork):
    """Embeddings, text, hidden layers and output.

    The output layer starts at zero weights and zero bias; what it adds to is the best constant of the training rows, so the
    network is born as that constant.

    Args:
        scaling: Of the numbers.
        code_sizes: Codes of each category column.
        terms: Terms of each bag.
        hidden: Units of each hidden layer.
        outputs: Classes, or 1 for a value.
        dropout: Share of hidden units silenced at each training step.
        activation_name: Of the hidden layers.
        norm_name: Of what comes before each activation.
        extra: Inputs that another network makes, see `forward`.
    """

    bin_column: Tensor
    bin_low: Tensor
    bin_width: Tensor

    def __init__(
        self,
        scaling: NumberScaling,
        *,
        code_sizes: Sequence[int],
        terms: Sequence[int],
        hidden: Sequence[int],
        outputs: int,
        dropout: float,
        activation_name: str = "relu",
        norm_name: str = "none",
        extra: int = 0,
    ) -> None:
        super().__init__()
        self.register_buffer("bin_column", torch.as_tensor(scaling.bin_column))
        self.register_buffer("bin_low", torch.as_tensor(scaling.bin_low, dtype=torch.float32))
        self.register_buffer("bin_width", torch.as_tensor(scaling.bin_width, dtype=torch.float32))
        self.tables = [unborn_table(size, embedding_units(size)) for size in code_sizes]
        self.embeddings = nn.ModuleList(self.tables)
        self.text = nn.ParameterList(nn.Parameter(torch.empty(n, TEXT_UNITS)) for n in terms)
        # a table without any feature is fed one zero
        fed = max(1, scaling.width + sum(embedding_units(s) for s in code_sizes) + TEXT_UNITS * len(terms) + extra)
        widths = [fed, *hidden]
        self.layers = [unborn_linear(a, b) for a, b in pairwise(widths)]
        self.hidden = nn.ModuleList(self.layers)
        self.birth = BIRTHS[activation_name]
        self.norms = nn.ModuleList(norm(norm_name, units) for units in hidden)
        self.activations = nn.ModuleList(activation(activation_name) for _ in hidden)
        self.output = unborn_linear(widths[-1], outputs)
        self.dropout = dropout

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew: hidden layers as suits their activation, small embeddings with a neutral unseen code, a silent output."""
        for table in self.tables:
            table.weight.normal_(0.0, 1.0 / math.sqrt(table.embedding_dim), generator=generator)
            table.weight[1] = 0.0
        for words in self.text:
            words.normal_(0.0, 1.0 / math.sqrt(TEXT_UNITS), generator=generator)
        for layer in self.layers:
            initialise(layer.weight, self.birth, generator)
            spread = 1.0 / math.sqrt(layer.in_features)
            layer.bias.uniform_(-spread, spread, generator=generator)
        for scale in self.norms:
            if isinstance(scale, Norm):
                scale.be_born()
        self.output.weight.zero_()
        self.output.bias.zero_()

    def first_input(self, inputs: TableTensors, extra: Tensor | None = None) -> Tensor:
        """What the first hidden layer is fed, (rows, inputs)."""
        parts = [inputs.numbers, inputs.gaps]
        if len(self.bin_column):
            parts.append(inputs.numbers.index_select(1, self.bin_column).sub_(self.bin_low).div_(self.bin_width).clamp_(0.0, 1.0))
        parts += [table(inputs.codes[:, i]) for i, table in enumerate(self.tables)]
        for words, bag in zip(self.text, inputs.bags, strict=True):
            parts.append(
                nn.functional.embedding_bag(bag.terms, words, bag.starts[:-1], mode="sum", per_sample_weights=bag.weights.to(words.dtype))
            )
        if extra is not None:
            parts.append(extra)
        fed = torch.cat(parts, dim=1)
        return fed if fed.shape[1] else inputs.numbers.new_zeros(inputs.rows, 1)

    def forward(self, inputs: TableTensors, extra: Tensor | None = None) -> Tensor:
        """What the network adds to the constant: (rows, outputs), logits or standardised values.

        Args:
            inputs: The rows.
            extra: What another network made of them, (rows, extra).
        """
        x = self.first_input(inputs, extra)
        for layer, scale, bend in zip(self.layers, self.norms, self.activations, strict=True):
            x = self._dropped(bend(scale(layer(x))))
        added: Tensor = self.output(x)
        return added

    def _dropped(self, x: Tensor) -> Tensor:
        if not self.training or self.dropout == 0.0:
            return x
        # an own generator, for nn.Dropout would draw from (and disturb) torch's global stream
        kept = torch.rand(x.shape, generator=self.noise) >= self.dropout
        return x * kept / (1.0 - self.dropout)

    def groups(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, _ in self.named_parameters():
            head, _, rest = name.partition(".")
            layer = f"hidden {int(rest.split('.')[0]) + 1}" if head == "hidden" else head
            found.setdefault(layer, []).append(name)
        return found

    def layer_kind(self, layer: str) -> str:
        return {"embeddings": "embedding", "text": "text"}.get(layer, "linear")

    def activation_of(self, layer: str) -> nn.Module | None:
        return self.activations[int(layer.split()[1]) - 1] if layer.startswith("hidden ") else None
