"""Keys and values computed once and shared by all layers, as some texts tell of transformers, beside the standard set a layer.

Two tasks of 32 random tokens that repeat. Copy: always after 16, so that the answer stands at a fixed distance. Induction: after 8 to 16,
drawn anew for each sequence, so that the answer is what followed the same token before. The standard solution lets a later layer's keys
hold what an earlier layer found (Olsson et al. 2022); shared keys are made from the embeddings and cannot.
Both networks: 4 layers, width 64, 4 heads, learned positions; Adam at 1e-3, batches of 16, one thread, CPU time.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.measured import Measured

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from assay.model.transformer import LanguageModel
    from assay.model.transformer_shape import TransformerShape

VOCAB, LENGTH, BATCH = 32, 32, 16
COPY_STEPS = 150


def run(quick: bool) -> list[Measured]:
    """Accuracy on both tasks, weights and CPU time, and which claims of the shared design hold."""
    import torch

    from assay.model.transformer_shape import TransformerShape, parameter_count

    torch.set_num_threads(1)
    own = TransformerShape(vocab=VOCAB, layers=4, width=64, heads=4, block=LENGTH)
    shared = replace(own, shared_kv=True)
    looks = (500,) if quick else (700, 1500)
    standard, standard_ms = trained(own, induction, looks)
    reused, reused_ms = trained(shared, induction, looks)
    found = []
    for look, a, b in zip(looks, standard, reused, strict=True):
        found.append(
            Measured(
                f"induction after {look} steps, shared / standard", f"{b:.3f} / {a:.3f}", "no loss: refuted, 0.1 or more", a - b >= 0.1
            )
        )
    b, a = (trained(shape, copy, (COPY_STEPS,))[0][0] for shape in (shared, own))
    found.append(
        Measured(
            f"copy after {COPY_STEPS} steps, shared / standard", f"{b:.3f} / {a:.3f}", "no loss: holds, both over 0.99", min(a, b) > 0.99
        )
    )
    saved = 1 - parameter_count(shared) / parameter_count(own)
    found.append(
        Measured("weights that sharing saves", f"{saved:.1%} of {parameter_count(own):,}", "fewer weights: holds, over 10 %", saved > 0.1)
    )
    ratio = reused_ms / standard_ms
    found.append(
        Measured(
            "a training step, shared over standard", f"{ratio:.2f} x {standard_ms:.1f} ms", "much faster: refuted, over 0.7 x", ratio > 0.7
        )
    )
    b, a = token_ms((shared, own), 10 if quick else 40)
    found.append(
        Measured("a written token, shared over standard", f"{b / a:.2f} x {a:.2f} ms", "much faster: refuted, over 0.5 x", b / a > 0.5)
    )
    return found


def induction(rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences that repeat after a length of their own, and their next tokens from the first repetition on (-1 before)."""
    import torch

    return repeated(torch.randint(LENGTH // 4, LENGTH // 2 + 1, (rows, 1), generator=generator), generator)


def copy(rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences whose second half is the first, and their next tokens within the second half (-1 before)."""
    import torch

    return repeated(torch.full((rows, 1), LENGTH // 2), generator)


def repeated(period: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One sequence a period, and its next tokens from the first repeated token on (-1 before)."""
    import torch

    place = torch.arange(LENGTH)
    sequence = torch.randint(VOCAB, (len(period), LENGTH), generator=generator).gather(1, place % period)
    targets = torch.full_like(sequence, -1)
    targets[:, :-1] = torch.where(place[:-1] >= period, sequence[:, 1:], -1)
    return sequence, targets


def trained(
    shape: TransformerShape, task: Callable[[int, torch.Generator], tuple[torch.Tensor, torch.Tensor]], looks: tuple[int, ...]
) -> tuple[list[float], float]:
    """Accuracy on fresh sequences after each number of steps, and the median CPU milliseconds a step."""
    import torch

    from assay.model.language_loss import mean_bits

    network, generator = born(shape), torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    accuracies, spent = [], []
    for step in range(1, looks[-1] + 1):
        sequence, targets = task(BATCH, generator)
        began = time.process_time()
        optimiser.zero_grad()
        mean_bits(network(sequence), targets).backward()
        optimiser.step()
        spent.append(time.process_time() - began)
        if step in looks:
            accuracies.append(accuracy(network, *task(512, torch.Generator().manual_seed(2))))
    return accuracies, 1e3 * sorted(spent)[len(spent) // 2]


def born(shape: TransformerShape) -> LanguageModel:
    """A language model of the shape with the weights of seed 0."""
    import torch

    from assay.model.transformer import LanguageModel

    network = LanguageModel(shape)
    network.be_born(torch.Generator().manual_seed(0))
    return network


def accuracy(network: LanguageModel, sequence: torch.Tensor, targets: torch.Tensor) -> float:
    """Share of the told targets that are the network's likeliest token."""
    import torch

    with torch.inference_mode():
        hit = network(sequence).argmax(dim=2) == targets
    return float(hit[targets >= 0].float().mean())


def token_ms(shapes: tuple[TransformerShape, ...], n_texts: int) -> list[float]:
    """The least CPU milliseconds a token of each, over so many greedy texts written in turn with a cache."""
    import torch

    from assay.model.decoding import generate

    networks, prompt = [born(shape) for shape in shapes], torch.arange(8)
    n_tokens = LENGTH - len(prompt)
    spent: list[list[float]] = [[] for _ in shapes]
    for _ in range(n_texts):
        for network, times in zip(networks, spent, strict=True):
            began = time.process_time()
            generate(network, prompt, n_tokens, temperature=0.0)
            times.append(1e3 * (time.process_time() - began) / n_tokens)
    return [min(times) for times in spent]
