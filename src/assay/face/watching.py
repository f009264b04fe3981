"""`assay.watch` as people call it: the watch of a loop, drawn on the terminal while it runs where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    from assay.core.finding import Finding
    from assay.watch.attach import Watch


def watch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer],
    loss_fn: Callable[..., Any] | None = None,
    *,
    overhead: float = 0.03,
    held_out: tuple[Any, Any] | None = None,
    planned_steps: int = 0,
    name: str = "",
    live: bool = False,
) -> Watch:
    """Watch a training loop and name what is wrong with it.

    No number of the training changes: not its weights, not its random draws. A failure inside the watcher is kept as one of its `troubles`.

    Args:
        model: The network that is trained: any module, also compiled or distributed.
        optimizer: What steps it; several as a sequence.
        loss_fn: The loss, where it is a function or module of outputs and targets.
        overhead: Share of the training's own time that watching may take, drawing included.
        held_out: Inputs and targets that nothing is learned from; with `loss_fn` they show which layers memorise.
        planned_steps: How many steps the training is to take, if that is known.
        name: Of the model, for people; its class if "".
        live: Draw the training on standard error and print each finding when it is named, where that is a terminal.

    Returns:
        The watch: call its `step(loss)` after the optimiser's step, `end_epoch()` after an epoch; use it in a `with` statement or close it.

    Raises:
        OptionError: the model has no parameters, is watched already, or `optimizer` is none.
        ExtraMissing: torch is not installed.

    Example:
        >>> import torch
        >>> model, x = torch.nn.Linear(3, 1), torch.rand(16, 3)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with watch(model, optimizer) as w:
        ...     loss = model(x).square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        ...     w.step(loss)
        >>> w.steps
        1
    """
    from assay.core.errors import ExtraMissing

    try:
        from assay.watch import attach
    except ModuleNotFoundError as problem:
        raise ExtraMissing("watching a training", "torch") from problem
    made = attach.watch(model, optimizer, loss_fn, overhead=overhead, held_out=held_out, planned_steps=planned_steps, name=name)
    if live:
        _draw(made)
    return made


def _draw(made: Watch) -> None:
    """Let a watch show itself until it is closed."""
    import sys

    from assay.face.terminal.findings import finding_text
    from assay.face.terminal.layout import paper_of
    from assay.face.terminal.loop_view import LiveView

    if not sys.stderr.isatty():
        return
    view = LiveView()

    def say(finding: Finding) -> None:
        view.say(finding_text(finding, paper_of(sys.stderr)))

    made.on_step, made.on_finding, made.on_close = view.show, say, lambda _watch: view.stop()
