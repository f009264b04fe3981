"""A network on pairs: one encoder turns both items into points, and a verdict is passed on how far these lie apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from assay.core.errors import InputError
from assay.model.initialise import initialise
from assay.model.mlp_network import Network
from assay.model.neural_network import NeuralNetwork
from assay.model.siamese import USUAL_MARGIN, ContrastiveLoss, TripletLoss, distances
from assay.model.text_input import FIRST_WORD
from assay.model.text_network import TextNetwork
from assay.model.text_reader import PlainReader
from assay.model.unborn import unborn_linear

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import nn

    from assay.model.pair_input import PairInput, PairTensors
    from assay.model.siamese_pairs import SiameseShape
    from assay.model.text_input import TextTensors

HALF_WAY = USUAL_MARGIN / 2
# Two numbers are to learn as fast as the thousands before them; a step of the verdict counts so many times.
VERDICT_SPEED = 4.0
# Of what is read of a text: so born, texts without a word in common lie about a margin apart.
READ_LENGTH = 3.0
# Texts of unknown words alone are read as nothing, which has no direction; what is about so short stays short.
SHORT = 0.03


class SiameseNetwork(NeuralNetwork):
    """Both items -> points, with the same weights -> distance -> a logit that falls with it.

    A text is read as the mean of its words' vectors, brought to one length; rare words are born long. At birth the distance of two
    texts is thus about that of their TF-IDF vectors, and training starts from there. The verdict, a slope and an offset, is born
    silent; what it adds to is the best constant.

    Args:
        fed: What its input learned.
        outputs: 2 classes, or 1 for a score.
        shape: Of the encoder.
    """

    def __init__(self, fed: PairInput, outputs: int, shape: SiameseShape) -> None:
        super().__init__()
        table = fed.item.table
        is_table = bool(table.scaling.width or table.code_sizes)
        hidden = (shape.width,) * (int(is_table) if shape.layers is None else shape.layers)
        self.encoder: Network | TextNetwork
        if fed.item.columns:
            reader = PlainReader(shape.width)
            self.encoder = TextNetwork(reader, fed.item, shape.width, width=shape.width, pool="mean", dropout=0.0, hidden=hidden)
        else:
            self.encoder = Network(
                table.scaling, code_sizes=table.code_sizes, terms=(), hidden=hidden, outputs=shape.width, dropout=shape.dropout
            )
        self.output = unborn_linear(1, 1)
        self.dropout = shape.dropout if fed.item.columns else 0.0
        self.outputs, self.same, self.width = outputs, fed.same, shape.width
        self.rarity = torch.as_tensor(fed.rarity, dtype=torch.float32)

    @property
    def head(self) -> Network:
        """What turns an item's features into its point."""
        return self.encoder.head if isinstance(self.encoder, TextNetwork) else self.encoder

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew; points are born apart, the verdict silent."""
        self.encoder.be_born(generator)
        initialise(self.head.output.weight, "lecun", generator)
        if isinstance(self.encoder, TextNetwork):
            self.encoder.words.weight[FIRST_WORD:] *= self.rarity[:, None]
        self.output.weight.zero_()
        self.output.bias.zero_()

    def apart(self, inputs: PairTensors) -> Float[Tensor, " batch"]:
        """How far the items of each pair lie apart."""
        left, right = self.read(inputs.left), self.read(inputs.right)
        if self.training and self.dropout > 0.0 and left is not None and right is not None:
            # the same of both, or like items would be torn apart
            kept = (torch.rand(left.shape, generator=self.noise) >= self.dropout) / (1.0 - self.dropout)
            left, right = left * kept, right * kept
        return distances(self.head(inputs.left.table, left), self.head(inputs.right.table, right))

    def read(self, item: TextTensors) -> Float[Tensor, "batch features"] | None:
        """What is read of the texts of the items of one side, each text of one length; None where there is none."""
        if not isinstance(self.encoder, TextNetwork):
            return None
        texts = self.encoder.read(item)
        each = texts.view(len(texts), -1, self.width)
        lengths = torch.sqrt(each.square().sum(dim=2, keepdim=True) + SHORT**2)
        even: Tensor = READ_LENGTH * each / lengths
        return even.flatten(1)

    def verdict(self, apart: Float[Tensor, " batch"]) -> Float[Tensor, "batch outputs"]:
        """What is added to the constant for pairs so far apart: half the log odds of "same" and its opposite, or a score."""
        found: Tensor = VERDICT_SPEED * self.output(apart[:, None] / HALF_WAY - 1.0)
        if self.outputs == 1:
            return found
        return torch.cat([found, -found] if self.same == 0 else [-found, found], dim=1)

    def forward(self, inputs: PairTensors) -> Float[Tensor, "batch outputs"]:
        return self.verdict(self.apart(inputs))

    @torch.no_grad()
    def threshold(self, log_odds: float) -> float:
        """The distance at which a pair is as likely the same as different; nan before the verdict has a slope.

        Args:
            log_odds: Of "same" by the constant that the verdict is added to.
        """
        slope, offset = self.output.weight.item(), self.output.bias.item()
        return HALF_WAY * (1.0 - (offset + log_odds / (2.0 * VERDICT_SPEED)) / slope) if slope else float("nan")

    def groups(self) -> dict[str, list[str]]:
        told = {f"encoder.{name}": layer for layer, names in self.encoder.groups().items() for name in names}
        found: dict[str, list[str]] = {}
        for name, _ in self.named_parameters():
            layer = told.get(name, "output")
            found.setdefault("points" if name in told and layer == "output" else layer, []).append(name)
        return found

    def layer_kind(self, layer: str) -> str:
        return self.encoder.layer_kind(layer) if layer in self.encoder.groups() else "linear"

    def activation_of(self, layer: str) -> nn.Module | None:
        return self.encoder.activation_of(layer)


def pair_losses(how: str, apart: Float[Tensor, " batch"], alike: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """The loss of each pair by which the encoder learns.

    contrastive: `ContrastiveLoss`; a pair that is alike by a share is drawn towards that share of the margin. triplet:
    `TripletLoss` of each pair of the same class against each different one of the batch, as the mean over the pairs of the other
    kind. They need not share an item, so that one threshold holds for all (Chen et al. 2017, equation 4); 0 where the batch
    lacks a kind.

    Args:
        how: "contrastive" or "triplet".
        apart: Distance of each pair.
        alike: 1 for the same, 0 for different; shares between them for contrastive.

    Example:
        >>> pair_losses("triplet", torch.tensor([1.0, 1.5, 4.0]), torch.tensor([1.0, 0.0, 0.0])).tolist()
        [0.75, 1.5, 0.0]
    """
    if how == "contrastive":
        return ContrastiveLoss().losses(apart, alike)
    if how != "triplet":
        raise InputError(f"no loss of pairs {how!r}; there are contrastive and triplet")
    same = alike > 0.5
    if same.all() or not same.any():
        return apart * 0.0
    each = apart[same][:, None].expand(-1, int((~same).sum()))
    pairs = torch.stack([each, apart[~same].expand_as(each)], dim=2)
    hinge = TripletLoss(HALF_WAY).losses(pairs.reshape(-1, 2), alike).view_as(each)
    return apart.new_zeros(len(apart)).index_put((same,), hinge.mean(dim=1)).index_put((~same,), hinge.mean(dim=0))
