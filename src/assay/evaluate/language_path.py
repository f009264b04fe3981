"""A neural language model's side of learners: the weight-path integral over the snapshots of its training, by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.ledger import Booking
from assay.core.seeds import seed_for
from assay.evaluate.row_sample import most_astray, representative
from assay.evaluate.weight_path import N_NODES, book_path
from assay.model.language_windows import Windows
from assay.model.snapshots import thin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.evaluate.language_ledger import TokenLosses
    from assay.evaluate.weight_path import LossAndGradient
    from assay.model.language import TokenModel
    from assay.model.language_network import LanguageNetwork
    from assay.model.snapshots import Snapshots

MOST_WINDOWS = 64
FEWEST_WINDOWS = 16
GRADIENTS_A_SEGMENT = 3 * N_NODES
MOST_SEGMENTS = 29
UNCOUNTED = -1


@dataclass(frozen=True)
class Sample:
    """Blocks of text that stand for a whole part.

    Attributes:
        inputs: What the model reads, (windows, tokens).
        targets: What comes next, -1 where it does not count.
        opening: Mean bits of the counted tokens under the unigram.
        astray: How far the sample's mean gain can be from that of the part.
    """

    inputs: NDArray[np.int32]
    targets: NDArray[np.int32]
    opening: float
    astray: float


def path_bookings(
    model: TokenModel, snapshots: Snapshots, held: TokenLosses, learned: TokenLosses, *, most_tokens: int, share: float, seed: int
) -> tuple[list[Booking], str, float]:
    """One line a layer, by snapshot, on held-out and on training text; and what the birth costs against the unigram.

    Args:
        model: The trained network; it is left as it was.
        snapshots: Weights from birth to those kept.
        held: On held-out text; learned: on text that it learned from.
        most_tokens: Tokens whose gradients may be taken in all.
        share: Share of the fall that quadrature may leave over.
        seed: Of the run.

    Returns:
        The lines, how they were measured, and how far the sample's reduction can be from that of all held-out tokens.
    """
    from assay.model.language_network import LanguageNetwork

    if not isinstance(model, LanguageNetwork):
        raise TypeError(f"weight snapshots were given for {type(model).__name__}; only a network has layers to book them to")
    n_windows, n_segments, most_gradients = plan(most_tokens, model.block, len(snapshots) - 1)
    on_held, on_learned = (
        sample(losses, model.block, n_windows, seed_for(seed, f"ledger windows {i}")) for i, losses in enumerate((held, learned))
    )
    chosen = thin(list(snapshots.epochs), n_segments + 1)
    points = [np.asarray(snapshots.weights[i], dtype=np.float64) for i in chosen]
    kept = model.flat()
    try:
        books = book_path(
            points, model.spans(), measure(model, (on_held, on_learned)), remainder_share=share, most_gradients=most_gradients
        )
    finally:
        model.load_parameters(kept)
    at_birth = [part.opening - float(books.losses[i, 0]) for i, part in enumerate((on_held, on_learned))]
    lines = [Booking("start", at_birth[0], train=at_birth[1])]
    for place, name in enumerate(books.groups):
        by_segment, by_segment_train = books.booked[:, :, place]
        taken = (float(by_segment.sum()), float(by_segment_train.sum()))
        lines.append(
            Booking(name, taken[0], train=taken[1], by_epoch=tuple(by_segment.tolist()), by_epoch_train=tuple(by_segment_train.tolist()))
        )
    method = (
        f"weight path over {len(points)} snapshots, {books.n_gradients} gradients on {len(on_held.inputs)} held-out and "
        f"{len(on_learned.inputs)} training blocks of {model.block}; remainders add up to {float(books.worst_remainder[0]):.2g}"
    )
    return lines, method, on_held.astray


def plan(most_tokens: int, block: int, n_segments: int) -> tuple[int, int, int]:
    """Windows of each sample, segments of the path and gradients, so that about `most_tokens` tokens are differentiated.

    Example:
        >>> plan(400_000, 64, 20), plan(10_000_000, 64, 20)
        ((17, 20, 183), (64, 20, 400))
    """
    least = (N_NODES + 1) * min(n_segments, MOST_SEGMENTS)
    n_windows = int(np.clip(most_tokens // (2 * block * GRADIENTS_A_SEGMENT * max(1, n_segments)), FEWEST_WINDOWS, MOST_WINDOWS))
    affordable = most_tokens // (2 * block * n_windows)
    segments = int(np.clip(affordable // (N_NODES + 1), min(n_segments, 6), min(n_segments, MOST_SEGMENTS)))
    return n_windows, segments, int(np.clip(affordable, min(least, (N_NODES + 1) * segments), 400))


def sample(losses: TokenLosses, block: int, n_windows: int, seed: int) -> Sample:
    """Blocks whose mean gain is near that of the whole part; of each only the second half counts, as in the closing balance."""
    found: list[tuple[int, int]] = []
    gains: list[float] = []
    first = 0
    for number, tokens in enumerate(losses.text.tokens):
        windows, places = Windows(len(tokens), block), np.arange(1, len(tokens))
        gained = losses.gained[first : first + len(places)]
        first += len(places)
        window, _ = windows.of(places)
        counts = np.bincount(window, minlength=len(windows))
        means = np.bincount(window, weights=gained, minlength=len(windows)) / np.maximum(counts, 1)
        whole = [w for w in range(1, len(windows)) if counts[w] == windows.step] or list(range(len(windows)))
        found += [(number, w) for w in whole]
        gains += [float(means[w]) for w in whole]
    value = np.array(gains)
    chosen = [found[i] for i in representative(value, n_windows, seed)]
    astray = most_astray(value, len(chosen)) + abs(float(value.mean()) - losses.reduction)
    parts = [_block(losses, number, window, block) for number, window in chosen]
    inputs, targets, openings = zip(*parts, strict=True)
    length = max(len(one) for one in inputs)
    padded = [
        np.stack([np.pad(one, (0, length - len(one)), constant_values=fill) for one in side])
        for side, fill in ((inputs, 0), (targets, UNCOUNTED))
    ]
    return Sample(padded[0], padded[1], float(np.concatenate(openings).mean()), astray)


def _block(losses: TokenLosses, number: int, window: int, block: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    tokens = losses.text.tokens[number]
    windows, row = Windows(len(tokens), block), np.array([window])
    places, _, column = windows.counted(row)
    targets = np.full_like(windows.follow(tokens, row)[0], UNCOUNTED)
    targets[column] = tokens[places]
    first = sum(len(one) - 1 for one in losses.text.tokens[:number])
    return windows.inputs(tokens, row)[0], targets, losses.opening[first + places - 1]


def measure(model: LanguageNetwork, samples: Sequence[Sample]) -> LossAndGradient:
    """Losses and gradients of the network on several samples, as a function of its flat weights.

    The function leaves the network at the weights it was last asked for; the caller puts the kept ones back.
    """
    import torch

    from assay.model.language_loss import mean_bits

    model.network.eval()
    parameters = list(model.network.parameters())
    sets = [tuple(torch.from_numpy(side.astype(np.int64)) for side in (s.inputs, s.targets)) for s in samples]

    def at(point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        model.load_parameters(point)
        losses, gradients = [], []
        for inputs, targets in sets:
            loss = mean_bits(model.network(inputs), targets)
            slopes = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
            losses.append(loss.item())
            gradients.append(np.concatenate([slope.numpy().ravel() for slope in slopes]).astype(np.float64))
        return np.array(losses), np.stack(gradients)

    return at
