"""What the shapes of networks accept: names, sizes and shares, checked before any network is made. Needs no PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
# What a person may set of a shape, where a family has it.
SHAPE_KNOBS = ("layers", "width", "heads", "activation", "dropout", "pair", "loss")
# How the encoder of a siamese network learns; the ledger counts in another loss.
PAIR_LOSSES = ("contrastive", "triplet")


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
