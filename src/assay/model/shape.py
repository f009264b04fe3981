"""What the shapes of networks accept: names, sizes and shares, checked before any network is made. Needs no PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assay.core.errors import OptionError, nearest

# How the weights before each activation are drawn, so that signals neither die nor grow from layer to layer; see `initialise`.
BIRTHS = {
    "relu": "he",
    "leaky": "he",
    "gelu": "he",
    "gelu_tanh": "he",
    "silu": "he",
    "tanh": "xavier",
    "sigmoid": "xavier",
    "linear": "xavier",
    "selu": "lecun",
}
ACTIVATION_NAMES = tuple(BIRTHS)
# How the words' features become one vector a text.
POOLS = ("max", "mean", "attention", "last")
# What a person may set of a shape, where a family has it.
SHAPE_KNOBS = ("layers", "width", "heads", "activation", "dropout", "pair", "loss")
# How the encoder of a siamese network learns; the ledger counts in another loss.
PAIR_LOSSES = ("contrastive", "triplet")


@dataclass(frozen=True, kw_only=True)
class TextShape:
    """What networks that read texts word by word have in common.

    Attributes:
        hidden: Units of the layers between the texts' vectors and the output; None for one of `width` where there are other columns.
        vocab: At most so many words are told apart.
        longest: At most so many words of a text are read.
        bins, scaled: Of the numbers beside the texts, as the MLP's.
    """

    hidden: tuple[int, ...] | None = None
    vocab: int = 20_000
    longest: int = 256
    bins: int = 64
    scaled: bool = True


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that is not known.

    Raises:
        OptionError: with the nearest names.

    Example:
        >>> check_name("activation", "relu", ACTIVATION_NAMES)
    """
    if name not in known:
        raise OptionError(f"no {what} {name!r}; {nearest(name, known)}")


def check_share(what: str, share: float) -> None:
    """Refuse what is no share from 0 to below 1.

    Raises:
        OptionError: it is not.
    """
    if not 0.0 <= share < 1.0:
        raise OptionError(f"{what} of {share} is not a share; give 0 (none) or more, and less than 1")


def check_sizes(what: str, sizes: Sequence[int]) -> None:
    """Refuse sizes under 1.

    Raises:
        OptionError: one is.
    """
    for size in sizes:
        if size < 1:
            raise OptionError(f"{what} of {size}; give 1 or more")
