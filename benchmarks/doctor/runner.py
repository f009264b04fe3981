"""All trainings, and the table: how often each fault is named, how high, how early, and what is said of healthy ones."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch

import benchmarks.doctor.faults
import benchmarks.doctor.healthy
from benchmarks.doctor.case import FAULTS, HEALTHY, Case
from benchmarks.doctor.data import SHARED
from benchmarks.doctor.trial import Said, tried
from benchmarks.measured import Measured

TOP_SHARE, NAMED_SHARE, ALARM_SHARE, EARLY = 0.90, 0.95, 0.03, 0.2
SEEDS = (0, 1, 2)
ENTERED = (benchmarks.doctor.faults, benchmarks.doctor.healthy)


def planned(quick: bool, pattern: str = "") -> list[tuple[Case, int, bool]]:
    """Every case, seed and twin; quick: one seed, each fault and healthy training on one ground, every second twin."""
    seeds = SEEDS[:1] if quick else SEEDS
    faults = [c for c in FAULTS.values() if (c.is_quick or not quick) and pattern in c.name]
    firsts = {c.name.split("/")[0]: c for c in reversed(HEALTHY.values())}
    healthy = [c for c in HEALTHY.values() if (not quick or firsts[c.name.split("/")[0]] is c) and pattern in c.name]
    twins = {case.name for case in (faults[::2] if quick and not pattern else faults)}
    work = [(case, seed, repaired) for case in faults for seed in seeds for repaired in (False, True) if not repaired or case.name in twins]
    return work + [(case, seed, True) for case in healthy for seed in seeds]


def trained(quick: bool, pattern: str = "") -> Iterator[Said]:
    """What was said of each training, as it ends."""
    torch.set_num_threads(1)
    for case, seed, repaired in planned(quick, pattern):
        yield tried(case, seed, repaired)


def totals(said: Iterable[Said]) -> dict[str, float]:
    """The shares that were promised, and how many trainings they are of."""
    faulty, rest = [s for s in said if s.causes], [s for s in said if not s.causes]
    return {
        "faulty": len(faulty),
        "named": sum(s.place >= 0 for s in faulty) / max(1, len(faulty)),
        "top": sum(0 <= s.place < 2 for s in faulty) / max(1, len(faulty)),
        "early": sum(s.named_at <= EARLY for s in faulty) / max(1, len(faulty)),
        "innocent": len(rest),
        "alarmed": sum(bool(s.alarms) for s in rest) / max(1, len(rest)),
    }


def measured(quick: bool) -> Iterator[Measured]:
    """The promises, one line each."""
    if not SHARED.is_dir():
        yield Measured("training doctor", "not measured", f"needs the real data sets at {SHARED}", False)
        return
    found = totals(list(trained(quick)))
    of, innocent = int(found["faulty"]), int(found["innocent"])
    yield Measured(
        "true cause among the first two findings", f"{found['top']:.1%} of {of}", f"at least {TOP_SHARE:.0%}", found["top"] >= TOP_SHARE
    )
    yield Measured("true cause named at all", f"{found['named']:.1%} of {of}", f"at least {NAMED_SHARE:.0%}", found["named"] >= NAMED_SHARE)
    yield Measured(
        "healthy or repaired trainings alarmed",
        f"{found['alarmed']:.1%} of {innocent}",
        f"at most {ALARM_SHARE:.0%}",
        found["alarmed"] <= ALARM_SHARE,
    )
    yield Measured("faults named within the first fifth", f"{found['early']:.1%} of {of}", "at least 50%", found["early"] >= 0.5)


def table(said: list[Said]) -> Iterator[str]:
    """By the first of a case's causes: cases, named, among the first two, when, and the alarms of that name in innocent trainings."""
    yield f"{'rule':<30}{'cases':>6}{'named':>7}{'top 2':>7}{'named at':>10}{'false alarms':>14}"
    alarms = Counter(name for s in said if not s.causes for name in set(s.alarms))
    by_cause: dict[str, list[Said]] = {}
    for s in said:
        if s.causes:
            by_cause.setdefault(s.causes[0], []).append(s)
    for name in sorted({*by_cause, *alarms}):
        mine = by_cause.get(name, [])
        named, top = sum(s.place >= 0 for s in mine), sum(0 <= s.place < 2 for s in mine)
        times = [s.named_at for s in mine if s.place >= 0]
        when = f"{statistics.median(times):.0%}" if times else "-"
        yield f"{name:<30}{len(mine):>6}{named:>7}{top:>7}{when:>10}{alarms[name]:>14}"
    found = totals(said)
    yield (
        f"named {found['named']:.1%} (95%), among the first two {found['top']:.1%} (90%), in the first fifth {found['early']:.1%} (50%), "
        f"of {int(found['faulty'])}; alarmed {found['alarmed']:.1%} (3%) of {int(found['innocent'])}"
    )


def shortfalls(s: Said) -> Iterator[str]:
    """A line if it is a fault that was not among the first two or an innocent training that was alarmed, and one for each trouble."""
    twin = "repaired " if s.repaired else ""
    if s.causes and not 0 <= s.place < 2:
        told = ", ".join(f["name"] for f in s.findings) or "nothing"
        yield f"{'missed ' if s.place < 0 else 'low    '} {s.case} seed {s.seed}: {s.causes[0]}; said {told}"
    elif not s.causes and s.alarms:
        yield f"alarmed {twin}{s.case} seed {s.seed}: {', '.join(s.alarms)}"
    for trouble in s.troubles:
        yield f"trouble {twin}{s.case} seed {s.seed}: {trouble}"


def kept(said: list[Said], file: Path) -> None:
    """Everything that was said, as JSON."""
    rows = [{**asdict(s), "place": s.place, "named_at": s.named_at if s.named_at < 2 else None} for s in said]
    file.write_text(json.dumps({"totals": totals(said), "trainings": rows}, indent=1, default=str), encoding="utf-8")
