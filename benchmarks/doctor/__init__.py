"""The training doctor measured: planted faults with repaired twins, healthy trainings, and what `assay.watch` says of them.

python -m benchmarks doctor [--quick]                    the promises
python -m benchmarks.doctor [--quick] [--json FILE]      the table by rule, what was missed, what was alarmed
python -m benchmarks.doctor --case NAME [--seed 1] [--repaired]   one training and its findings
python -m benchmarks.doctor.calibrate                    distributions of the signals on healthy trainings
python -m benchmarks.doctor.remedies                     faults beside their remedies
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measured import Measured


def run(quick: bool) -> Iterator[Measured]:
    """The four promises; torch and the cases are loaded when asked for."""
    from benchmarks.doctor.runner import measured

    return measured(quick)
