"""A character language model on tinyshakespeare beside a tight loop of nanoGPT's small configuration, step by step in the same run.

Four layers of width 128 with 4 heads, blocks of 64, 12 blocks a step, AdamW with betas .9 and .99 and decay .1 on matrices, rate 1e-3
after a warm-up of 100 steps and a cosine to 1e-4, gradients clipped at 1, no dropout, no biases. Both learn from the first 90 % and are
judged on all whole blocks of the rest. nanoGPT reports about 1.88 nats (2.71 bits) a character after 2,000 steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.measured import Measured

TEXT = Path(__file__).resolve().parents[2] / "shared" / "data" / "tinyshakespeare" / "input.txt"
LAYERS, WIDTH, HEADS, BLOCK, BATCH = 4, 128, 4, 64, 12
STEPS, QUICK_STEPS, WARM = 2000, 300, 100
RATE, FLOOR, DECAY, CLIP, BETAS = 1e-3, 1e-4, 0.1, 1.0, (0.9, 0.99)
TURN = 50
BITS_PER_NAT = 1.0 / math.log(2.0)
NOISE_BITS = 0.03
"""Trainings of this size that differ in their seed alone end so far apart."""


class PeerBlock(nn.Module):
    """One layer of the peer: causal attention and a feed-forward part, each after a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.into, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        split = (part.view(batch, tokens, HEADS, WIDTH // HEADS).transpose(1, 2) for part in self.into(self.norm_1(x)).split(WIDTH, dim=2))
        seen = functional.scaled_dot_product_attention(*split, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, tokens, WIDTH))
        return x + self.down(functional.gelu(self.up(self.norm_2(x))))


class Peer(nn.Module):
    """A decoder of GPT-2's form with tied tables, in plain PyTorch."""

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab, WIDTH), nn.Embedding(BLOCK, WIDTH)
        self.blocks = nn.ModuleList(PeerBlock() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=0.02 / (math.sqrt(2 * LAYERS) if name.endswith(("out.weight", "down.weight")) else 1.0))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return functional.linear(self.norm(x), self.tokens.weight)


def peer_steps(network: Peer, train: Tensor, steps: int) -> Callable[[int], None]:
    """A function that trains the peer for so many steps, going on where it stood."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=BETAS, fused=True)
    stream, along, done = torch.Generator().manual_seed(2), torch.arange(BLOCK + 1), 0

    def go(n_steps: int) -> None:
        nonlocal done
        for _ in range(n_steps):
            starts = torch.randint(len(train) - BLOCK, (BATCH,), generator=stream)
            blocks = train[starts[:, None] + along]
            for group in optimiser.param_groups:
                group["lr"] = rate(done, steps)
            optimiser.zero_grad(set_to_none=True)
            logits = network(blocks[:, :-1])
            functional.cross_entropy(logits.view(-1, logits.shape[2]), blocks[:, 1:].reshape(-1)).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimiser.step()
            done += 1

    return go


def rate(step: int, steps: int) -> float:
    """The learning rate of a step (from 0): up to `RATE` in `WARM` steps, then down a cosine to `FLOOR`."""
    if step < WARM:
        return RATE * (step + 1) / (WARM + 1)
    return FLOOR + 0.5 * (RATE - FLOOR) * (1.0 + math.cos(math.pi * (step - WARM) / max(1, steps - WARM)))


@torch.no_grad()
def held_out_bits(network: nn.Module, held: Tensor) -> float:
    """Mean bits a character over all whole blocks of the held-out text."""
    network.eval()
    n_blocks = (len(held) - 1) // BLOCK
    inputs, targets = (held[shift : shift + n_blocks * BLOCK].view(n_blocks, BLOCK) for shift in (0, 1))
    nats = 0.0
    for some, follow in zip(inputs.split(64), targets.split(64), strict=True):
        nats += float(functional.cross_entropy(network(some).flatten(0, 1), follow.flatten(), reduction="sum"))
    return nats / targets.numel() * BITS_PER_NAT


def side_by_side(train: Tensor, held: Tensor, vocab: int, steps: int) -> dict[str, Any]:
    """Train both in turns of 50 steps; their held-out bits, and for each turn the CPU seconds of each."""
    from assay.model.transformer import LanguageModel
    from assay.model.transformer_shape import TransformerShape
    from assay.train import Settings, TokenData, fit

    network = LanguageModel(TransformerShape(vocab, LAYERS, WIDTH, HEADS, block=BLOCK, bias=False))
    network.be_born(torch.Generator().manual_seed(1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        peer = Peer(vocab)
    go = peer_steps(peer, train, steps)
    seconds: dict[str, list[float]] = {"assay": [], "peer": []}
    began = time.process_time()

    def in_turn(_moment: object) -> None:
        nonlocal began
        ended = time.process_time()
        seconds["assay"].append(ended - began)
        go(TURN)
        began = time.process_time()
        seconds["peer"].append(began - ended)

    knobs = Settings(
        learning_rate=RATE,
        weight_decay=DECAY,
        betas=BETAS,
        batch_rows=BATCH,
        max_steps=steps,
        warm_share=WARM / steps,
        floor_share=FLOOR / RATE,
        clip_norm=CLIP,
        evaluate_every=TURN,
        evaluated_rows=1,
        measure_train=False,
        restore=False,
    )
    data, valid = TokenData(train, BLOCK), TokenData(held, BLOCK)
    fit(network, "next-token", data, valid=valid, settings=knobs, seed=1, callbacks=(in_turn,), watched=False, name="transformer")
    return {"assay": held_out_bits(network, held), "peer": held_out_bits(peer, held), "seconds": seconds}


def run(quick: bool) -> list[Measured]:
    """Held-out bits at equal steps, and tokens a CPU second against the peer's, as the median over turns."""
    if not TEXT.is_file():
        return [Measured("language model on tinyshakespeare", "not measured", f"needs {TEXT}", False)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        text = TEXT.read_text(encoding="utf-8")
        signs = {sign: number for number, sign in enumerate(sorted(set(text)))}
        tokens = torch.from_numpy(np.array([signs[c] for c in text], dtype=np.int64))
        place, steps = int(0.9 * len(tokens)), QUICK_STEPS if quick else STEPS
        found = side_by_side(tokens[:place], tokens[place:], len(signs), steps)
    finally:
        torch.set_num_threads(threads)
    # the first turn pays for what is set up once
    spent = {name: np.array(series[1:]) for name, series in found["seconds"].items()}
    pace = {name: TURN * BATCH * BLOCK / float(np.median(series)) for name, series in spent.items()}
    ratio = float(np.median(spent["peer"] / spent["assay"]))
    behind = found["assay"] - found["peer"]
    return [
        Measured(
            f"held-out loss after {steps} steps, tinyshakespeare",
            f"{found['assay']:.3f} bits, peer {found['peer']:.3f}",
            f"at most {NOISE_BITS} above the peer",
            behind <= NOISE_BITS,
        ),
        Measured(
            "tokens a CPU second beside the peer, median of turns",
            f"{pace['assay']:,.0f}, peer {pace['peer']:,.0f}, {ratio:.2f}x",
            "at least 1x",
            ratio >= 1.0,
        ),
    ]
