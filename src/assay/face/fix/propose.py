"""From findings to proposed changes of a script: which edit belongs to which rule."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assay.face.fix import loop_edits, value_edits
from assay.face.fix.source import Edit, Source, dotted, last_name

if TYPE_CHECKING:
    from assay.core.finding import Finding

Editor = Callable[[Source, "Finding", "Scene"], list[Edit]]

EDITORS: Mapping[str, tuple[Editor, ...]] = {
    "forgot-zero-grad": (loop_edits.zero_grad,),
    "forgot-train": (loop_edits.train_mode,),
    "forgot-eval": (loop_edits.eval_mode,),
    "double-softmax": (loop_edits.softmax,),
    "wrong-loss-for-output": (loop_edits.loss,),
    "target-shape-broadcast": (loop_edits.target_shape,),
    "frozen-parameters": (loop_edits.unfreeze,),
    "exploding-gradient": (loop_edits.clip, value_edits.given_rate),
    "nan-inf": (value_edits.given_rate, loop_edits.logarithm),
    "lr-too-high": (value_edits.learning_rate,),
    "lr-too-low": (value_edits.learning_rate,),
    "oscillating-loss": (value_edits.given_rate,),
    "weight-decay-too-strong": (value_edits.weight_decay,),
    "unshuffled-data": (value_edits.shuffle,),
    "batchnorm-tiny-batch": (value_edits.batch_size,),
    "dropout-too-high": (value_edits.dropout,),
    "gradient-clipping-bites": (value_edits.clipping,),
    "symmetric-init": (value_edits.initialisation,),
    "init-too-large": (value_edits.initialisation,),
    "init-too-small": (value_edits.initialisation,),
    "vanishing-gradient": (value_edits.initialisation,),
}
OTHERS: tuple[Editor, ...] = (value_edits.given_rate,)


@dataclass(frozen=True)
class Scene:
    """Where in the script things happened while it ran.

    Attributes:
        file: The script.
        sites: What happens -> (file, line) of where, in order.
        names: "model", "optimiser", "held-out model" -> what it is called there.
        output_shape: Of the model's outputs, 0 for the batch axis.
    """

    file: str
    sites: Mapping[str, Iterable[tuple[str, int]]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    output_shape: tuple[int, ...] = ()

    def lines(self, what: str) -> list[int]:
        """The script's own lines where this happens."""
        return [line for file, line in self.sites.get(what, ()) if Path(file).resolve() == Path(self.file).resolve()]

    def line(self, what: str) -> int:
        """The first of them, 0 for none."""
        return next(iter(self.lines(what)), 0)

    def calls_where(self, source: Source, what: str, *names: str) -> list[ast.Call]:
        """The outermost call on each of these lines; with names, of these functions only."""
        found = []
        for line in self.lines(what):
            found += source.calls_at(line, *names)[:1] if names else _made_there(source, line)
        return found

    def optimiser_name(self, source: Source, loop: ast.AST) -> str:
        """What steps in a loop, as it is called there."""
        owners = [dotted(c.func.value) for c in source.calls("step", within=loop) if isinstance(c.func, ast.Attribute)]
        known = self.names.get("optimiser", "")
        if known in owners:
            return known
        likely = [o for o in owners if "opt" in o.lower()]
        return likely[0] if len(likely) == 1 else owners[0] if len(set(owners)) == 1 else ""

    def model_name(self, source: Source, node: ast.AST) -> str:
        """What the model is called around a node: its name where the optimiser was made, if it is used there too."""
        name = self.names.get("model", "")
        around = next((n for n in source.parents(node) if isinstance(n, ast.FunctionDef)), source.tree)
        used = {n.id for n in ast.walk(around) if isinstance(n, ast.Name)} | {n.arg for n in ast.walk(around) if isinstance(n, ast.arg)}
        return name if name.partition(".")[0] in used else ""


def _made_there(source: Source, line: int) -> list[ast.Call]:
    """The call that makes an object on a line: the innermost statement's outermost call of a class."""
    calls = [c for c in source.calls_at(line) if last_name(c.func)[:1].isupper()]
    return sorted(calls, key=lambda c: (c.end_lineno or c.lineno) - c.lineno)[:1]


@dataclass(frozen=True)
class Proposal:
    """What to do about one finding.

    Attributes:
        diff: Unified diff of the script, "" where no safe edit of the text is known.
    """

    finding: Finding
    diff: str


def propose(text: str, scene: Scene, findings: Iterable[Finding]) -> list[Proposal]:
    r"""A change for each finding, each by itself against the script as it is.

    Args:
        text: The script's text.
        scene: Where things happened in it.
        findings: In the order in which they are to be followed; consequences of another are left out.

    Example:
        >>> from assay.core.finding import Finding
        >>> text = "opt = SGD(net.parameters(), lr=10.0)\n"
        >>> scene = Scene("a.py", {"optimiser": [("a.py", 1)]})
        >>> print(propose(text, scene, [Finding({}, "", "", name="lr-too-high")])[0].diff)
        --- a.py
        +++ a.py
        @@ -1 +1 @@
        -opt = SGD(net.parameters(), lr=10.0)
        +opt = SGD(net.parameters(), lr=0.1)
        <BLANKLINE>
    """
    try:
        source = Source(text, scene.file)
    except SyntaxError:
        return [Proposal(finding, "") for finding in findings]
    made = []
    for finding in findings:
        if getattr(finding, "caused_by", ""):
            continue
        edits: list[Edit] = []
        for editor in EDITORS.get(finding.name, OTHERS):
            edits = editor(source, finding, scene)
            if edits:
                break
        made.append(Proposal(finding, source.diff(edits) if edits else ""))
    return made
