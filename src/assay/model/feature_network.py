"""A transformer on tables: each column is a token, and what one token more has gathered from them is the prediction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from assay.model.neural_network import NeuralNetwork
from assay.model.transformer import Encoder
from assay.model.unborn import unborn_linear, unborn_table

if TYPE_CHECKING:
    from jaxtyping import Float

    from assay.model.table_input import TableInput
    from assay.model.text_input import TextTensors
    from assay.model.transformer_shape import TransformerShape


class NumberTokens(nn.Module):
    """A vector a number column: its bias, and its value, its gap and its bins each times a vector of their own.

    Source: Gorishniy et al. 2021, Revisiting Deep Learning Models for Tabular Data, section 3.3; the bins as in Gorishniy et al. 2022.
    """

    value_places: Tensor
    gap_places: Tensor
    bin_places: Tensor
    bin_column: Tensor
    bin_low: Tensor
    bin_width: Tensor

    def __init__(self, fed: TableInput, width: int) -> None:
        super().__init__()
        scaling = fed.scaling
        columns = len(scaling.how)
        per_column = np.bincount(scaling.bin_column, minlength=columns) if columns else np.zeros(0, dtype=np.int64)
        # value, gap, then the bins: each column's parts side by side, padded with zeros to those of the longest
        parts = 2 + int(per_column.max(initial=0))
        along = np.arange(len(scaling.bin_column)) - (np.cumsum(per_column) - per_column)[scaling.bin_column]
        self.register_buffer("bin_places", torch.as_tensor(scaling.bin_column * parts + 2 + along))
        self.register_buffer("gap_places", torch.as_tensor(scaling.holes * parts + 1))
        self.register_buffer("value_places", torch.arange(columns) * parts)
        self.register_buffer("bin_column", torch.as_tensor(scaling.bin_column))
        self.register_buffer("bin_low", torch.as_tensor(scaling.bin_low, dtype=torch.float32))
        self.register_buffer("bin_width", torch.as_tensor(scaling.bin_width, dtype=torch.float32))
        self.weight = nn.Parameter(torch.zeros(columns, parts, width))
        self.bias = nn.Parameter(torch.zeros(columns, width))

    def forward(
        self, numbers: Float[Tensor, "batch features"], gaps: Float[Tensor, "batch places"]
    ) -> Float[Tensor, "batch features width"]:
        """The vectors of each row's numbers."""
        columns, parts, _ = self.weight.shape
        fed = numbers.new_zeros(len(numbers), columns * parts)
        fed[:, self.value_places] = numbers
        fed[:, self.gap_places] = gaps
        fed[:, self.bin_places] = numbers[:, self.bin_column].sub_(self.bin_low).div_(self.bin_width).clamp_(0.0, 1.0)
        return torch.einsum("rcp,cpw->rcw", fed.view(-1, columns, parts), self.weight) + self.bias


class FeatureNetwork(NeuralNetwork):
    """FT-Transformer: feature tokens and one more, an encoder without positions, and the one more's features to the output.

    Source: Gorishniy et al. 2021, section 3.3.

    Args:
        fed: What its input learned.
        shape: Of the encoder: vocab 0, position "none".
        outputs: Classes, or 1 for a value.
    """

    def __init__(self, fed: TableInput, shape: TransformerShape, outputs: int) -> None:
        super().__init__()
        self.numbers = NumberTokens(fed, shape.width)
        self.tables = [unborn_table(size, shape.width) for size in fed.code_sizes]
        self.categories = nn.ModuleList(self.tables)
        self.gathering = nn.Parameter(torch.zeros(shape.width))
        self.encoder = Encoder(shape)
        self.output = unborn_linear(shape.width, outputs)

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew: tokens uniform up to 1/sqrt(width), the unseen code neutral, the output silent."""
        spread = 1.0 / math.sqrt(self.output.in_features)
        for part in (self.numbers.weight, self.numbers.bias, *(table.weight for table in self.tables), self.gathering):
            part.uniform_(-spread, spread, generator=generator)
        for table in self.tables:
            table.weight[1] = 0.0
        self.encoder.be_born(generator)
        self.output.weight.zero_()
        self.output.bias.zero_()

    def forward(self, inputs: TextTensors) -> Float[Tensor, "batch outputs"]:
        fed = inputs.table
        tokens = [self.gathering.expand(fed.rows, 1, -1), self.numbers(fed.numbers, fed.gaps)]
        tokens += [table(fed.codes[:, i])[:, None] for i, table in enumerate(self.tables)]
        gathered = self.encoder(torch.cat(tokens, dim=1))[:, 0]
        added: Tensor = self.output(gathered)
        return added

    def groups(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, _ in self.named_parameters():
            head = name.partition(".")[0]
            layer = {"numbers": "numbers", "categories": "embeddings", "gathering": "gathering token", "output": "output"}.get(head)
            found.setdefault(layer or encoder_layer(name.partition(".")[2]), []).append(name)
        return found

    def layer_kind(self, layer: str) -> str:
        return {"embeddings": "embedding", "output": "linear", "numbers": "linear"}.get(layer, "attention")


def encoder_layer(parameter: str) -> str:
    """Layer name for people of an encoder's parameter.

    Example:
        >>> encoder_layer("blocks.0.feed_forward.into.weight"), encoder_layer("norm.weight")
        ('block 1 feed-forward', 'last norm')
    """
    parts = parameter.split(".")
    if parts[0] == "blocks":
        part = "feed-forward" if parts[2] in {"norm_2", "feed_forward"} else "attention"
        return f"block {int(parts[1]) + 1} {part}"
    return "positions" if parts[0] == "embed" else "last norm"
