"""What a loop feeds its model: sizes of inputs, kinds and shares of targets, and whether batches are drawn at random."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import torch
from torch import Tensor

from assay.core.loop_parts import BatchFacts

MOST_ROWS = 64
MOST_BATCHES = 256
MOST_TOLD = 96
STEPS_APART = 3
MOST_HELD_NUMBERS = 65_536
HELD_AT_ONCE = 24
MOST_CLASSES = 100
MOST_TOKENS = 4_096
MOST_FEATURES = 4_096
MOST_KEPT_ROWS = 1_024
MOST_KEPT_FEATURES = 1_024
HASHED = 256


class Feed:
    """Gathers facts about batches; nothing is read on the host before `facts` is asked.

    Example:
        >>> feed = Feed()
        >>> for label in (0, 1, 0, 1):
        ...     feed.see(torch.rand(32, 3), torch.full((32,), label), None)
        >>> facts = feed.facts()
        >>> facts.target_kind, facts.classes, facts.order_share > 0.8
        ('classes', 2, True)
    """

    def __init__(self) -> None:
        self.rows = 0
        self.features = 0
        self.input_kind = ""
        self.fed_rms: Tensor | None = None
        self.first_is_norm = False
        self._sums: list[Tensor] = []
        self._marks: list[Tensor] = []
        self._targets: list[Tensor] = []
        self._told: list[tuple[Tensor, int]] = []
        self._every = 1
        self._last: deque[tuple[Tensor, Tensor, Tensor, tuple[int, int, int]]] = deque()
        self._kept: list[tuple[Tensor, Tensor, Tensor]] = []
        self._bad_inputs: list[Tensor] = []
        self._bad_targets: list[Tensor] = []

    def see(self, inputs: Any, targets: Any, outputs: Any) -> None:
        """Note one batch, whatever of it is known."""
        x, y, out = first_tensor(inputs), first_tensor(targets), first_tensor(outputs)
        if x is not None and x.ndim:
            self._see_inputs(x.detach())
        if y is not None and y.ndim:
            if not self._told and len(self._targets) < MOST_BATCHES:
                self._targets.append(_some_of(y))
            if y.is_floating_point():
                self._bad_targets.append((~torch.isfinite(y.detach())).sum())
        if x is not None and y is not None and out is not None and x.ndim and len(x) == len(y) == len(out):
            self._keep(x.detach(), y.detach(), out.detach())

    def see_step(self, step: int, inputs: Any, outputs: Any, targets: Any) -> None:
        """Keep what the loop told of a step: the targets thinned evenly, for their order; all three of the last steps.

        They are kept as they are, for a copy would cost more than all else in a step; whatever was written into since is left out.
        """
        is_turn = step % self._every == 0
        if (step % STEPS_APART and not is_turn) or not isinstance(targets, Tensor):
            return
        shape = targets.shape
        if not shape or not 0 < targets.numel() <= MOST_TOKENS:
            return
        if is_turn:
            self._told.append((targets, targets._version))
            if len(self._told) >= MOST_TOLD:
                self._told, self._every = self._told[::2], self._every * 2
        if step % STEPS_APART == 0 and isinstance(inputs, Tensor) and isinstance(outputs, Tensor):
            self._hold(inputs, targets, outputs.detach(), shape[0])

    def _hold(self, x: Tensor, y: Tensor, out: Tensor, rows: int) -> None:
        if x.shape[:1] != (rows,) or out.shape[:1] != (rows,) or x.numel() > MOST_HELD_NUMBERS:
            return
        if not self._last.maxlen:
            most = min(MOST_KEPT_ROWS // rows + 1, MOST_HELD_NUMBERS * HELD_AT_ONCE // max(1, x.numel()))
            self._last = deque(maxlen=max(1, most))
        self._last.append((x, y, out, (x._version, y._version, out._version)))

    def _see_inputs(self, x: Tensor) -> None:
        self.rows = max(self.rows, len(x))
        self.input_kind = "numbers" if x.is_floating_point() else "tokens"
        self.features = int(x[0].numel()) if len(x) else 0
        flat = x[:MOST_ROWS].reshape(min(len(x), MOST_ROWS), -1)[:, :MOST_FEATURES].double()
        if x.is_floating_point():
            self._bad_inputs.append((~torch.isfinite(x)).sum())
        clean = torch.nan_to_num(flat, posinf=0.0, neginf=0.0)
        if len(self._sums) < 32 and len(flat):
            squares = clean.square().mean(dim=0).sqrt()
            positive = torch.where(squares > 0, squares, torch.full_like(squares, math.inf))
            numbers = (clean.mean(), clean.square().mean().sqrt(), clean.min(), clean.max(), squares.max(), positive.min())
            self._sums.append(torch.stack(numbers))
        steps = torch.arange(1, flat.shape[1] + 1, device=x.device, dtype=torch.float64)
        if len(self._marks) < MOST_BATCHES:
            self._marks.append((clean[:8] @ steps).sum() + float(len(x)))

    def _keep(self, x: Tensor, y: Tensor, out: Tensor) -> None:
        self._kept.append(_flat_rows(x, y, out))
        while sum(len(k[0]) for k in self._kept) > MOST_KEPT_ROWS:
            # old outputs are of weights long gone, so the oldest rows go first
            self._kept.pop(0)

    def kept(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Rows of inputs, targets and outputs: of the last steps where the loop told of them, else of the last looks."""
        last = [_flat_rows(x, y, out) for x, y, out, versions in self._last if versions == (x._version, y._version, out._version)]
        return [tuple(t.cpu() for t in one) for one in (last or self._kept)]  # type: ignore[misc]

    # -- facts ------------------------------------------------------------------------------------------------------------

    def facts(self) -> BatchFacts:
        """All that was seen so far."""
        found: dict[str, Any] = {"rows": self.rows, "input_kind": self.input_kind, "input_features": self.features}
        if self._sums and self.input_kind == "numbers":
            mean, rms, low, high, widest, narrowest = torch.stack(self._sums).unbind(dim=1)
            found |= {
                "input_mean": float(mean.mean()),
                "input_rms": float(rms.square().mean().sqrt()),
                "input_min": float(low.min()),
                "input_max": float(high.max()),
                "widest_feature_rms": float(widest.max()),
                "narrowest_feature_rms": float(narrowest.min()) if math.isfinite(float(narrowest.min())) else 0.0,
            }
        elif self._sums:
            _, _, low, high, _, _ = torch.stack(self._sums).unbind(dim=1)
            found |= {"input_min": float(low.min()), "input_max": float(high.max())}
        if self.fed_rms is not None:
            found["fed_rms"] = float(self.fed_rms)
        found["first_is_norm"] = self.first_is_norm
        found["nonfinite_inputs"] = int(sum(int(n) for n in self._bad_inputs))
        found["nonfinite_targets"] = int(sum(int(n) for n in self._bad_targets))
        if len(self._marks) > 1:
            marks = torch.stack(self._marks)
            found["repeats"] = float((marks[1:] == marks[:-1]).double().mean())
        if self._targets or self._told:
            found |= self._target_facts()
        return BatchFacts(**found)

    def _target_facts(self) -> dict[str, Any]:
        told = [_some_of(t) for t, version in self._told if t._version == version]
        batches = [t.cpu() for t in (told or self._targets)]
        widths = {t.shape[1] for t in batches}
        kind = target_kind(batches) if len(widths) == 1 else "numbers" if batches[0].is_floating_point() else "classes"
        found: dict[str, Any] = {"target_kind": kind, "batches_seen": len(batches), "rows": self.rows or max(len(t) for t in batches)}
        if kind in ("classes", "one-hot", "binary"):
            labels = [t.argmax(dim=1) if kind == "one-hot" else t.reshape(-1).round().long() for t in batches]
            labels = [t[t >= 0] for t in labels]
            found |= _class_facts([t for t in labels if len(t)])
        if kind in ("numbers", "multi-label", "binary"):
            found |= _number_facts(batches)
        if kind == "numbers" and widths == {1} and _are_counted(batches):
            found |= _class_facts([t.reshape(-1).long() for t in batches])
        if kind in ("classes", "binary") and not batches[0].is_floating_point():
            merged = torch.cat([t.reshape(-1) for t in batches]).double()
            found |= {"target_min": float(merged.min()), "target_max": float(merged.max())}
        return found


def first_tensor(value: Any) -> Tensor | None:
    """The tensor that a value is or holds first."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        return next((t for t in map(first_tensor, value.values()) if t is not None), None)
    if isinstance(value, list | tuple):
        return next((t for t in map(first_tensor, value) if t is not None), None)
    logits = getattr(value, "logits", None)
    return logits if isinstance(logits, Tensor) else None


def _some_of(targets: Tensor) -> Tensor:
    """(rows, columns) of a batch's targets, at most 4,096 numbers."""
    rows = len(targets)
    flat = targets.detach().reshape(rows, -1) if rows else targets.detach().reshape(0, 1)
    return flat[:, : max(1, MOST_TOKENS // max(1, rows))].clone()


def _flat_rows(x: Tensor, y: Tensor, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Some rows of a batch: inputs (rows, features), targets, and outputs (rows, columns)."""
    rows = min(len(x), MOST_ROWS)
    flat = x[:rows].detach().reshape(rows, -1)
    if not x.is_floating_point():
        flat = _hashed(flat)
    step = max(1, -(-flat.shape[1] // MOST_KEPT_FEATURES))
    return (
        flat[:, ::step].float().clone(),
        y[:rows].detach().clone(),
        out[:rows].detach().reshape(rows, -1)[:, :MOST_CLASSES].float().clone(),
    )


def _hashed(tokens: Tensor) -> Tensor:
    """(rows, 256) counts of tokens by their number modulo 256."""
    counts = torch.zeros(len(tokens), HASHED, device=tokens.device)
    places = tokens.long().remainder(HASHED)
    return counts.scatter_add_(1, places, torch.ones_like(places, dtype=counts.dtype))


def target_kind(batches: list[Tensor]) -> str:
    """The kind of targets, of batches (rows, columns) of equal width."""
    some = torch.cat(batches[:16])
    if some.dtype == torch.bool:
        some = some.long()
    zero_one = bool(((some == 0) | (some == 1)).all())
    if some.shape[1] > 1 and zero_one:
        if some.is_floating_point() or some.shape[1] <= MOST_CLASSES:
            return "one-hot" if bool((some.sum(dim=1) == 1).all()) else "multi-label"
        return "classes"
    if zero_one:
        return "binary" if some.is_floating_point() else "classes"
    return "numbers" if some.is_floating_point() else "classes"


def _are_counted(batches: list[Tensor]) -> bool:
    """Whether number targets are whole numbers from 0 on, few of them, as class numbers are."""
    some = torch.cat([t.reshape(-1) for t in batches]).double()
    return bool(((some == some.round()) & (some >= 0) & (some <= MOST_CLASSES)).all()) and len(some) >= MOST_ROWS


def _class_facts(labels: list[Tensor]) -> dict[str, Any]:
    if not labels:
        return {}
    size = min(int(max(int(t.max()) for t in labels)) + 1, MOST_TOKENS)
    counts = torch.stack([torch.bincount(t.clamp(max=size - 1), minlength=size) for t in labels]).double()
    share = counts.sum(dim=0) / counts.sum()
    present = share > 0
    found: dict[str, Any] = {"classes": int(present.sum()), "class_share": tuple(share[:MOST_CLASSES].tolist())}
    n_classes, n_batches, total = int(present.sum()), len(labels), float(counts.sum())
    if n_classes < 2 or n_batches < 3:
        return found
    entropy = -float((share[present] * share[present].log()).sum())
    rows = counts.sum(dim=1, keepdim=True)
    expected = rows * share
    ratio = torch.where(counts > 0, counts * (counts / expected.clamp(min=1e-12)).clamp(min=1e-30).log(), torch.zeros_like(counts))
    told = float(ratio.sum())
    degrees = (n_batches - 1) * (n_classes - 1)
    found["order_share"] = max(0.0, (told - degrees / 2.0) / (total * entropy))
    found["order_p"] = chi_square_tail(2.0 * told, degrees)
    return found


def _number_facts(batches: list[Tensor]) -> dict[str, Any]:
    merged = torch.nan_to_num(torch.cat([t.reshape(-1) for t in batches]).double(), posinf=0.0, neginf=0.0)
    found = {
        "target_mean": float(merged.mean()),
        "target_std": float(merged.std(correction=0)),
        "target_min": float(merged.min()),
        "target_max": float(merged.max()),
    }
    means = torch.stack([t.double().mean() for t in batches])
    counts = torch.tensor([float(len(t)) for t in batches], dtype=torch.float64)
    n, b = float(counts.sum()), len(batches)
    row_means = torch.cat([t.double().mean(dim=1) for t in batches])
    total = float((row_means - row_means.mean()).square().sum())
    # rows that all sum to 1 differ in nothing but rounding
    if b < 3 or n <= b or not total > 1e-9 * n * float(merged.square().mean()) or not math.isfinite(total):
        return found
    between = float((counts * (means - row_means.mean()).square()).sum())
    within = max(total - between, 1e-12 * total)
    f = (between / (b - 1)) / (within / (n - b))
    found["order_share"] = max(0.0, between / total - (b - 1) / (n - 1))
    # for large denominators the F statistic times its degrees is a chi-square
    found["order_p"] = chi_square_tail(f * (b - 1), b - 1)
    return found


def chi_square_tail(value: float, degrees: int) -> float:
    """Probability that a chi-square of so many degrees exceeds a value (Wilson and Hilferty 1931).

    Example:
        >>> round(chi_square_tail(18.3, 10), 2)
        0.05
    """
    if value <= 0 or degrees < 1:
        return 1.0
    spread = 2.0 / (9.0 * degrees)
    z = ((value / degrees) ** (1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread)
    return 0.5 * math.erfc(z / math.sqrt(2.0))
