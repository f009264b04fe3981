"""Edits that change one number or flag: of the optimiser, a data loader, a dropout, the clipping, an initialisation."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from assay.face.fix.source import Edit, Source, dotted, last_name, number_of

if TYPE_CHECKING:
    from assay.core.finding import Finding
    from assay.face.fix.propose import Scene

HIGHEST_DROPOUT = 0.5
MOST_RATE = {"SGD": 0.1, "LBFGS": 1.0, "Adadelta": 1.0}
USUAL_MOST_RATE = 0.01
"""Of Adam and its like; rates above are hardly ever meant."""
NUMBER = r"([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


def learning_rate(source: Source, finding: Finding, scene: Scene) -> list[Edit]:
    """The rate that the remedy names, but of one that is too low at least a usual one; without one a tenth, or ten times."""
    is_low = finding.name == "lr-too-low"
    value = asked(finding, "lr")
    for call in scene.calls_where(source, "optimiser") if is_low and value is not None else []:
        value = f"{max(float(value or 0.0), 0.1 * MOST_RATE.get(last_name(call.func), USUAL_MOST_RATE)):.3g}"
    return _optimiser_number(source, scene, "lr", value, 10.0 if is_low else 0.1, place=1)


def given_rate(source: Source, finding: Finding, scene: Scene) -> list[Edit]:
    """The rate, only where the remedy names one."""
    value = asked(finding, "lr")
    return [] if value is None else _optimiser_number(source, scene, "lr", value, 1.0, place=1)


def weight_decay(source: Source, finding: Finding, scene: Scene) -> list[Edit]:
    """The decay that the remedy names, else a hundredth."""
    return _optimiser_number(source, scene, "weight_decay", asked(finding, "weight_decay"), 0.01)


def _optimiser_number(source: Source, scene: Scene, name: str, value: str | None, factor: float, place: int | None = None) -> list[Edit]:
    edits = []
    for call in scene.calls_where(source, "optimiser"):
        given = next((k.value for k in call.keywords if k.arg == name), None)
        if given is None and place is not None and len(call.args) > place:
            given = call.args[place]
        if given is None:
            if value is not None and call.args:
                edits.append(source.with_keyword(call, name, value))
            continue
        literal = _literal(source, given)
        if literal is not None and (old := number_of(literal)) is not None and old > 0:
            kind = last_name(call.func)
            edits.append(source.replace(literal, value or f"{_changed(old, factor, kind) if name == 'lr' else old * factor:.3g}"))
        elif value is not None:
            edits.append(source.replace(given, value))
    return edits


def _changed(rate: float, factor: float, kind: str) -> float:
    """A rate that is lower or higher, and then within what is usual for such an optimiser."""
    most = MOST_RATE.get(kind, USUAL_MOST_RATE)
    return min(rate * factor, most) if factor < 1.0 else max(rate * factor, 0.1 * most)


def _literal(source: Source, given: ast.expr) -> ast.expr | None:
    """The one literal that a value comes from: itself, a constant of the same name, or the default of an option of that name."""
    if number_of(given) is not None:
        return given
    name = last_name(given)
    if isinstance(given, ast.Name):
        stores = [n for n in ast.walk(source.tree) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)]
        constants = [n.value for n in ast.walk(source.tree) if isinstance(n, ast.Assign) and [dotted(t) for t in n.targets] == [name]]
        return constants[0] if len(stores) == len(constants) == 1 and number_of(constants[0]) is not None else None
    for call in source.calls("add_argument"):
        flags = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if name in {f.lstrip("-").replace("-", "_") for f in flags}:
            return next((k.value for k in call.keywords if k.arg == "default" and number_of(k.value) is not None), None)
    return None


def asked(finding: Finding, name: str) -> str | None:
    """The value that a remedy gives a keyword, as it is written there.

    Example:
        >>> from assay.core.finding import Finding
        >>> asked(Finding({}, "", "", remedy="set lr=0.001 in the optimiser"), "lr")
        '0.001'
    """
    found = re.search(rf"(?<![\w.]){name}\s*=\s*{NUMBER}", finding.remedy)
    return found[1] if found else None


def shuffle(source: Source, _finding: Finding, scene: Scene) -> list[Edit]:
    """Draw the training rows at random."""
    return [
        source.with_keyword(call, "shuffle", "True")
        for call in scene.calls_where(source, "loader")
        if last_name(call.func) == "DataLoader" and not {"sampler", "batch_sampler"} & {k.arg for k in call.keywords}
    ]


def batch_size(source: Source, finding: Finding, scene: Scene) -> list[Edit]:
    """Larger batches."""
    loaders = [call for call in scene.calls_where(source, "loader") if last_name(call.func) == "DataLoader"]
    return [source.with_keyword(call, "batch_size", asked(finding, "batch_size") or "32") for call in loaders if len(call.args) < 2]


def dropout(source: Source, finding: Finding, _scene: Scene) -> list[Edit]:
    """Drop less."""
    edits = []
    for call in source.calls("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "dropout"):
        place = 1 if last_name(call.func) == "dropout" else 0
        given = next((k.value for k in call.keywords if k.arg == "p"), call.args[place] if len(call.args) > place else None)
        share = number_of(given)
        if given is not None and share is not None and share > HIGHEST_DROPOUT:
            edits.append(source.replace(given, asked(finding, "p") or str(HIGHEST_DROPOUT)))
    return edits


def clipping(source: Source, finding: Finding, _scene: Scene) -> list[Edit]:
    """Clip only what is far out."""
    edits = []
    for call in source.calls("clip_grad_norm_", "clip_grad_norm"):
        given = next((k.value for k in call.keywords if k.arg == "max_norm"), call.args[1] if len(call.args) > 1 else None)
        most = number_of(given)
        if given is not None and most is not None:
            edits.append(source.replace(given, asked(finding, "max_norm") or f"{max(1.0, 10.0 * most):.3g}"))
    return edits


def initialisation(source: Source, _finding: Finding, _scene: Scene) -> list[Edit]:
    """He's initialisation in place of a constant, or of a hand-set spread, of weights."""
    edits = []
    for call in source.calls("constant_", "zeros_", "ones_", "normal_", "uniform_", "trunc_normal_"):
        owner = dotted(call.func).rpartition(".")[0]
        if owner.endswith("init") and call.args and source.of(call.args[0]).endswith("weight"):
            edits.append(source.replace(call, f"{owner}.kaiming_normal_({source.of(call.args[0])}, nonlinearity='relu')"))
    return edits
