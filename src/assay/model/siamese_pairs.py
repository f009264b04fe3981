"""Siamese networks on tables of pairs: are both items the same, or how alike are they?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from assay.core.errors import OptionError
from assay.model.neural import NeuralModel
from assay.model.pair_input import SCORE, PairInput
from assay.model.shape import PAIR_LOSSES, check_name, check_share, check_sizes

if TYPE_CHECKING:
    import torch

    from assay.model.siamese_network import SiameseNetwork

FEWEST_EPOCHS, MOST_EPOCHS = 12, 60
USUAL_ROWS_READ = 120_000


@dataclass(frozen=True)
class SiameseShape:
    """What a siamese network is built like.

    Attributes:
        layers: Hidden layers between an item's features and its point; None for 1 where there are numbers or categories, else 0.
        width: Of words' vectors, of hidden layers and of points.
        dropout: Share of what is read of texts that is silenced at each training step, the same of both items; of a table's hidden units.
        loss: By which the encoder learns: "contrastive" or "triplet".
        pair: Both columns, or the marks that tell the columns of both items; empty to find them by their names.
        vocab: At most so many words are told apart.
        longest: At most so many words of a text are read.
        bins, scaled: Of the numbers, as the MLP's.
    """

    layers: int | None = None
    width: int = 128
    dropout: float = 0.2
    loss: str = "contrastive"
    pair: tuple[str, ...] = ()
    vocab: int = 20_000
    longest: int = 256
    bins: int = 16
    scaled: bool = True

    def __post_init__(self) -> None:
        """Refuse what no network could be."""
        check_sizes("width or longest", (self.width, self.longest))
        if self.layers is not None and self.layers < 0:
            raise OptionError(f"layers of {self.layers}; give 0 or more")
        check_name("loss of pairs", self.loss, PAIR_LOSSES)
        check_share("dropout", self.dropout)


class SiamesePairs(NeuralModel):
    """One encoder for both items of a pair, trained so that alike ones lie near each other; a verdict on their distance.

    The encoder learns by the loss of pairs alone (Hadsell, Chopra and LeCun 2006; Schroff, Kalenichenko and Philbin 2015), the
    verdict, whose threshold is learned, by the loss that is accounted for.
    """

    name: ClassVar[str] = "siamese"
    complexity: ClassVar[int] = 8
    shape_type = SiameseShape
    input_type = PairInput
    rows_at_once = 1024
    usual_settings: ClassVar[Mapping[str, Any]] = {"weight_decay": 1.0}
    shape: SiameseShape

    @classmethod
    def usual_lengths(cls, rows: int) -> Mapping[str, Any]:
        epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, math.ceil(USUAL_ROWS_READ / max(rows, 1))))
        return {"epochs": epochs, "patience": max(3, epochs // 4)}

    def make_network(self, fed: PairInput, outputs: int) -> SiameseNetwork:
        from assay.model.siamese_network import SiameseNetwork

        if self.shape.loss == "triplet" and fed.same == SCORE:
            raise OptionError("--loss triplet needs pairs that are the same or not, and the target is a score of numbers; take contrastive")
        return SiameseNetwork(fed, outputs, self.shape)

    def training_losses(self, inputs: Any, target: torch.Tensor) -> torch.Tensor:
        """The verdict's loss of each pair, with the gradient that the loss of pairs gives the encoder."""
        from assay.model.siamese_network import pair_losses

        network = self._siamese
        apart = network.apart(inputs)
        verdict = self._row_losses(network.verdict(apart.detach()), target) / self.loss_scale
        drawn = pair_losses(self.shape.loss, apart, self.fed.alike(target))
        # its gradient without its value: what is told of the training stays in one unit
        return verdict + (drawn - drawn.detach())

    @property
    def _siamese(self) -> SiameseNetwork:
        network: Any = self.network
        found: SiameseNetwork = network
        return found

    @property
    def threshold(self) -> float:
        """The distance below which pairs are called the same; nan before it was trained, and for scores."""
        same = self.fed.same
        return float("nan") if same == SCORE else self._siamese.threshold(float(self.start[same] - self.start[1 - same]))

    def describe(self) -> str:
        if not self.is_built:
            return ""
        words = f"{len(self.fed.item.vocabulary):,} words, " if self.fed.item.columns else ""
        near = self.threshold
        told = "" if math.isnan(near) else f"same within {near:.2f}, "
        pair = self.fed.pair.told
        pair = f"{pair[:39]}…" if len(pair) > 40 else pair
        return f"{pair}; {words}{told}{self.n_weights:,} weights{self.kept and ', ' + self.kept}"
