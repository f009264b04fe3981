"""Edits of the loop and the wiring: a call that is missing, one too many, targets of another shape, parts that are not trained."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from assay.face.fix.source import Edit, Source, dotted, last_name

if TYPE_CHECKING:
    from assay.core.finding import Finding
    from assay.face.fix.propose import Scene

LOSSES = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "nll_loss",
    "MSELoss": "mse_loss",
    "L1Loss": "l1_loss",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
}
"""Class -> the function that it calls."""
SOFTMAX = ("softmax", "log_softmax", "Softmax", "LogSoftmax")


def zero_grad(source: Source, _finding: Finding, scene: Scene) -> list[Edit]:
    """Clear the gradients before the loss is carried back."""
    edits = []
    for call in scene.calls_where(source, "backward", "backward")[:1]:
        loop = source.loop(call)
        if loop is None or source.calls("zero_grad", within=loop):
            continue
        owner = scene.optimiser_name(source, loop)
        if owner:
            edits.append(source.before(source.statement(call), f"{owner}.zero_grad()"))
    return edits


def train_mode(source: Source, _finding: Finding, scene: Scene) -> list[Edit]:
    """Training mode at each step."""
    for call in scene.calls_where(source, "backward", "backward")[:1]:
        loop, name = source.loop(call), scene.model_name(source, call)
        edit = source.first_in(loop, f"{name}.train()") if loop is not None and name else None
        if edit is not None:
            return [edit]
    return []


def eval_mode(source: Source, finding: Finding, scene: Scene) -> list[Edit]:
    """Evaluation mode before the held-out rows, training mode again at each step."""
    name = scene.names.get("held-out model") or scene.names.get("model", "")
    line = scene.line("held-out loss")
    if not name or not line:
        return []
    around = [n for n in ast.walk(source.tree) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or n.lineno)]
    blocks = [n for n in around if isinstance(n, ast.With) and "no_grad" in source.of(n.items[0].context_expr)]
    functions = [n for n in around if isinstance(n, ast.FunctionDef)]
    if blocks:
        edit: Edit | None = source.before(blocks[-1], f"{name}.eval()")
    else:
        edit = source.first_in(functions[-1], f"{name}.eval()") if functions else None
    back = train_mode(source, finding, scene)
    return [edit, *back] if edit is not None and back else []


def softmax(source: Source, _finding: Finding, _scene: Scene) -> list[Edit]:
    """The softmax that the loss applies again goes; only where there is one."""
    calls = source.calls(*SOFTMAX)
    if len(calls) != 1:
        return []
    call = calls[0]
    parent = next(source.parents(call))
    if last_name(call.func) in ("Softmax", "LogSoftmax"):
        if isinstance(parent, ast.Call) and last_name(parent.func) == "Sequential" and call in parent.args:
            return [source.without(call, parent.args)]
        if isinstance(parent, ast.List | ast.Tuple):
            return [source.without(call, parent.elts)]
        return [source.replace(call, f"{dotted(call.func).rpartition('.')[0] or 'nn'}.Identity()")]
    module = dotted(call.func).rpartition(".")[0].rpartition(".")[2]
    is_method = isinstance(call.func, ast.Attribute) and module not in ("F", "torch", "functional")
    inner = call.func.value if is_method and isinstance(call.func, ast.Attribute) else call.args[0] if call.args else None
    return [] if inner is None else [source.replace(call, source.of(inner))]


def loss(source: Source, finding: Finding, _scene: Scene) -> list[Edit]:
    """The loss that the remedy names, as a class or a function, where the script makes or calls one loss."""
    named = [n for n in re.findall(r"\w+", finding.remedy) if n in LOSSES or n in LOSSES.values()]
    made = source.calls(*LOSSES) or source.calls(*LOSSES.values())
    if len(made) != 1 or not named:
        return []
    was = last_name(made[0].func)
    wanted = next((n for n in named if was not in (n, LOSSES.get(n, ""))), None)
    if wanted is None:
        return []
    classes = {function: name for name, function in LOSSES.items()}
    other = (LOSSES.get(wanted, wanted)) if was in classes else classes.get(wanted, wanted)
    module = dotted(made[0].func).rpartition(".")[0]
    return [] if other == was else [source.replace(made[0].func, f"{module}.{other}" if module else other)]


def target_shape(source: Source, _finding: Finding, scene: Scene) -> list[Edit]:
    """Targets in the shape of the outputs."""
    line = scene.line("loss")
    for call in [c for c in source.calls_at(line) if len(c.args) >= 2][:1] if line else []:
        outputs, targets = call.args[:2]
        if isinstance(outputs, ast.Name):
            return [source.replace(targets, f"{source.of(targets)}.view_as({outputs.id})")]
        if scene.output_shape[-1:] == (1,):
            return [source.replace(outputs, f"{source.of(outputs)}.squeeze(-1)")]
    return []


def clip(source: Source, finding: Finding, scene: Scene) -> list[Edit]:
    """Clip the gradient before the step, where the remedy says so."""
    if "clip_grad_norm_" not in finding.remedy or source.calls("clip_grad_norm_"):
        return []
    for call in scene.calls_where(source, "step", "step")[:1]:
        name = scene.model_name(source, call)
        line = f"torch.nn.utils.clip_grad_norm_({name}.parameters(), max_norm=1.0)"
        if name:
            return [source.before(source.statement(call), line)]
    return []


def logarithm(source: Source, finding: Finding, _scene: Scene) -> list[Edit]:
    """Keep a logarithm off 0, where the remedy says so and there is one."""
    calls = [c for c in source.calls("log") if dotted(c.func) == "torch.log" and len(c.args) == 1]
    if "clamp" not in finding.remedy or len(calls) != 1:
        return []
    return [source.replace(calls[0].args[0], f"({source.of(calls[0].args[0])}).clamp(min=1e-7)")]


def unfreeze(source: Source, finding: Finding, scene: Scene) -> list[Edit]:
    """Let the optimiser have all parameters, register lists of modules, or leave out the one cut of the graph."""
    lists = [n for n in ast.walk(source.tree) if isinstance(n, ast.Assign) and _is_module_list(n)]
    if "ModuleList" in finding.remedy and lists:
        return [source.replace(n.value, f"nn.ModuleList({source.of(n.value)})") for n in lists]
    cuts = source.calls("detach")
    if "detach" in finding.remedy and len(cuts) == 1 and isinstance(cuts[0].func, ast.Attribute):
        return [source.replace(cuts[0], source.of(cuts[0].func.value))]
    if "optimi" not in finding.remedy and "parameters()" not in finding.remedy:
        return []
    edits = []
    for call in scene.calls_where(source, "optimiser"):
        given = call.args[0] if call.args else None
        if isinstance(given, ast.Call) and last_name(given.func) == "parameters" and isinstance(given.func, ast.Attribute):
            owner, model = source.of(given.func.value), scene.names.get("model", "")
            if model and owner.startswith((f"{model}.", f"{model}[")):
                edits.append(source.replace(given, f"{model}.parameters()"))
    return edits


def _is_module_list(node: ast.Assign) -> bool:
    """Whether a statement keeps layers in a plain list of `self`."""
    is_attribute = len(node.targets) == 1 and dotted(node.targets[0]).startswith("self.")
    made = node.value.elts if isinstance(node.value, ast.List) else [node.value.elt] if isinstance(node.value, ast.ListComp) else []
    return is_attribute and bool(made) and all(isinstance(m, ast.Call) and dotted(m.func).startswith("nn.") for m in made)
