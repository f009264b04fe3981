"""That remedies repair: each fault, what is said of it, and its score beside those of its repaired twin and of a healthy training.

Usage: python -m benchmarks.doctor.remedies [--seed 0]
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass

import torch

from benchmarks.doctor.case import FAULTS, Case
from benchmarks.doctor.ground import GROUNDS
from benchmarks.doctor.runner import ENTERED
from benchmarks.doctor.trial import tried

MENDED_SHARE = 0.8
CHANCE = {"classes": 0.1, "binary": 0.5, "numbers": 0.0, "tokens": 0.0}
SHOWN = (
    "weights-of-zero/mlp-digits",
    "ten-layers-from-n-0-001/mlp-mnist",
    "ten-layers-from-n-0-1/mlp-digits",
    "descent-at-ten/mlp-mnist",
    "adam-at-a-tenth/mlp-digits",
    "descent-at-a-millionth/mlp-digits",
    "negative-biases/mlp-digits",
    "many-sigmoid-layers/mlp-digits",
    "raw-table/mlp-housing",
    "raw-inputs-into-tanh/mlp-digits",
    "missing-values-left-in/mlp-housing",
    "sorted-by-class/mlp-digits",
    "inputs-shuffled-apart-from-labels/mlp-digits",
    "column-against-row/mlp-housing",
    "sigmoid-for-unbounded-numbers/mlp-housing",
    "gradients-never-cleared/lstm-digits",
    "optimiser-of-another-copy/lstm-digits",
    "nine-of-ten-dropped/mlp-digits",
    "decay-in-descent/mlp-digits",
    "clipped-to-a-thousandth/mlp-digits",
    "batch-norm-over-two-rows/mlp-digits",
    "neck-of-one-unit/mlp-digits",
)


@dataclass(frozen=True, slots=True)
class Mended:
    """Scores of one fault, its twin and a healthy training, and the remedy that was given for the true cause; "" for none."""

    case: str
    faulty: float
    repaired: float
    healthy: float
    remedy: str

    @property
    def share(self) -> float:
        """How much of what the fault cost the repair wins back."""
        cost = self.healthy - self.faulty
        return (self.repaired - self.faulty) / cost if cost > 0 else math.nan


def mended(case: Case, seed: int) -> Mended:
    """Train the three."""
    rows = case.ground.rows()
    chance = 1 / rows.outputs if rows.kind == "classes" else CHANCE[rows.kind]
    faulty, repaired = tried(case, seed, False), tried(case, seed, True)
    plain = tried(Case(f"healthy/{case.ground.name}", (), lambda k: k.fit(k.network()), GROUNDS[case.ground.name]), seed, True)
    remedy = next((f["remedy"] for f in faulty.findings if f["name"] in case.causes), "")
    return Mended(case.name, chance if math.isnan(faulty.score) else faulty.score, repaired.score, plain.score, remedy)


def main(argv: list[str] | None = None) -> int:
    """Print one line a fault; 1 where a repair wins back under four fifths or no remedy was given."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.doctor.remedies", description="Faults beside their remedies.")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args(argv)
    torch.set_num_threads(1)
    print(f"{'fault':<48}{'faulty':>8}{'repaired':>10}{'healthy':>9}{'won back':>10}  remedy")
    found = [mended(FAULTS[name], chosen.seed) for name in SHOWN]
    for m in found:
        print(f"{m.case:<48}{m.faulty:>8.3f}{m.repaired:>10.3f}{m.healthy:>9.3f}{m.share:>10.0%}  {m.remedy or 'none given'}")
    good = [m for m in found if m.share >= MENDED_SHARE and m.remedy]
    print(f"{len(good)} of {len(found)} faults are named with a remedy that wins back at least {MENDED_SHARE:.0%} of what they cost")
    return int(len(good) < len(found) or not ENTERED)


if __name__ == "__main__":
    sys.exit(main())
