"""Parts of the evidence from a training loop: layers, parameters, optimisers, batches, outputs and modes as a watcher saw them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerLooks:
    """One layer with weights, over the looks at it; a series is empty where it was never seen.

    Series under "light" have one number for each of the evidence's `look_step`, those under "deep" one for each `deep_step`. A layer that
    took no part in a look has nan there.

    Attributes:
        name: Of its module, such as "encoder.0.linear"; "" is the model itself.
        kind: "linear", "conv", "embedding", "norm", "recurrent", "attention" or "other".
        order: Place in the data's way, from 0; -1 where no forward pass was seen.
        units: Output units (rows of its weight).
        fan_in: Inputs of one unit.
        activation: What bends its output: "relu", "tanh", "sigmoid", "softmax", ...; "" for nothing.
        normed: A norm stands between it and its activation, or it is one.
        residual: Its output was added to an earlier one's.
        is_last: No layer with weights follows.
        calls: How often one forward pass called it.
        birth_weight_rms: Root mean square of its weight before the first step.
        birth_scale: The same times sqrt(fan_in): 1 keeps a signal's size, 1.41 before ReLU, .58 is PyTorch's default.
        birth_twins: Share of units whose weights equal another unit's before the first step.
        birth_drawn: Its weight looks drawn as PyTorch's default draws it, so it holds nothing learned.
        gradient_rms: Light: root mean square of its weight's gradient as the optimiser took it.
        weight_rms: Light: of its weight after the step.
        update_ratio: Light: norm of the step over norm of the weight.
        booked: Light: gradient times step, summed: the first-order change of the batch's loss that the layer made (unit of the loss).
        quiet_units: Light: share of units whose gradient is exactly 0.
        twin_units: Light: share of units that equal another one in weights and gradient.
        input_rms: Deep: root mean square of what it was fed.
        output_rms: Deep: of what it put out, before any activation.
        output_spread: Deep: standard deviation over rows, mean over units.
        zero_share: Deep: share of activations that are exactly 0.
        dead_share: Deep: share of units that are 0 on all rows of this look and of the two before.
        saturated_share: Deep: share of activations on the flat ends of tanh or sigmoid (slope under 5 % of its steepest).
        unit_similarity: Deep: mean absolute correlation between units over rows.
        row_similarity: Deep: mean cosine between rows (or tokens of a row), of the output less nothing.
        output_mean: Deep: mean output before the activation.
        bias_mean: Deep: mean of its bias, nan without.
    """

    name: str
    kind: str
    order: int = -1
    units: int = 0
    fan_in: int = 0
    activation: str = ""
    normed: bool = False
    residual: bool = False
    is_last: bool = False
    calls: int = 1
    birth_weight_rms: float = 0.0
    birth_scale: float = 0.0
    birth_twins: float = 0.0
    birth_drawn: bool = False
    gradient_rms: tuple[float, ...] = ()
    weight_rms: tuple[float, ...] = ()
    update_ratio: tuple[float, ...] = ()
    booked: tuple[float, ...] = ()
    quiet_units: tuple[float, ...] = ()
    twin_units: tuple[float, ...] = ()
    input_rms: tuple[float, ...] = ()
    output_rms: tuple[float, ...] = ()
    output_spread: tuple[float, ...] = ()
    zero_share: tuple[float, ...] = ()
    dead_share: tuple[float, ...] = ()
    saturated_share: tuple[float, ...] = ()
    unit_similarity: tuple[float, ...] = ()
    row_similarity: tuple[float, ...] = ()
    output_mean: tuple[float, ...] = ()
    bias_mean: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ParameterFacts:
    """One parameter tensor.

    Attributes:
        name: "layers.0.weight"; for one outside the model, "not in the model, shape (10, 5)".
        layer: Name of its module.
        size: Numbers in it.
        in_model: `model.parameters()` has it.
        requires_grad: It asks for a gradient.
        optimisers: How many parameter groups hold it.
        in_graph: The loss's graph reaches it; None where no graph was seen.
        graded: Share of looks in which it had a gradient.
        moved: It differs from its birth.
        nonfinite: It holds a NaN or an infinity.
    """

    name: str
    layer: str
    size: int
    in_model: bool = True
    requires_grad: bool = True
    optimisers: int = 1
    in_graph: bool | None = None
    graded: float = 1.0
    moved: bool = True
    nonfinite: bool = False


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """One parameter group of an optimiser.

    Attributes:
        optimiser: Class name, "Adam".
        size: Numbers in its parameters.
        learning_rate: Over the windows of losses, the last rate of each.
        momentum: Its momentum, or beta 1; 0 for none.
        second_momentum: Beta 2; 0 for none.
        weight_decay: As given.
        decoupled: Decay is AdamW's, outside of the gradient.
        decay_share: Over light looks, norm of the decay's pull over that of the loss's gradient (coupled), or of the decay's step
            over that of the whole step (decoupled).
        scheduled: A scheduler is attached.
        base_rate: What the scheduler started from; the first rate without one.
    """

    optimiser: str
    size: int
    learning_rate: tuple[float, ...] = ()
    momentum: float = 0.0
    second_momentum: float = 0.0
    weight_decay: float = 0.0
    decoupled: bool = False
    decay_share: tuple[float, ...] = ()
    scheduled: bool = False
    base_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What the loop was fed.

    Attributes:
        rows: Rows of a usual batch; 0 where unknown.
        input_kind: "numbers", "tokens" or "" where inputs were not seen.
        input_features: Numbers a row.
        input_mean, input_rms, input_min, input_max: Over the rows seen, of what the model was fed.
        fed_rms: Root mean square of what the first layer with weights was fed, after whatever stands before it; nan if unseen.
        widest_feature_rms, narrowest_feature_rms: Largest and smallest (not 0) root mean square of one input feature.
        first_is_norm: A norm is the first thing inputs meet.
        nonfinite_inputs, nonfinite_targets: Values that are not finite, in the batches seen.
        target_kind: "classes", "one-hot", "multi-label", "binary", "numbers" or "" where targets were not seen.
        classes: Classes in the targets, or different values of number targets that are whole numbers from 0 on; 0 for other numbers.
        class_share: Share of each class (at most 100) in the rows seen.
        target_mean, target_std, target_min, target_max: Of number targets.
        order_p: P-value of "batches are drawn at random": how alike targets within a batch are, against between batches; 1 if unseen.
        order_share: Share of the targets' variance (or entropy) that knowing the batch explains, less what chance explains.
        repeats: Share of looks whose inputs equal those of the look before.
        batches_seen: In how many batches targets were seen.
    """

    rows: int = 0
    input_kind: str = ""
    input_features: int = 0
    input_mean: float = 0.0
    input_rms: float = 0.0
    input_min: float = 0.0
    input_max: float = 0.0
    fed_rms: float = float("nan")
    widest_feature_rms: float = 0.0
    narrowest_feature_rms: float = 0.0
    first_is_norm: bool = False
    nonfinite_inputs: int = 0
    nonfinite_targets: int = 0
    target_kind: str = ""
    classes: int = 0
    class_share: tuple[float, ...] = ()
    target_mean: float = 0.0
    target_std: float = 0.0
    target_min: float = 0.0
    target_max: float = 0.0
    order_p: float = 1.0
    order_share: float = 0.0
    repeats: float = 0.0
    batches_seen: int = 0


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """What the model put out and what the loss made of it.

    Attributes:
        loss: "cross-entropy", "nll", "binary", "binary-logits", "squared", "absolute", "huber", "kl", "own", or "" where no graph was seen.
        loss_chain: Operations from the loss back to the outputs, outermost first, such as ("nll", "log-softmax", "softmax", "linear").
        last_activation: What the model's outputs went through last: "softmax", "log-softmax", "sigmoid", "tanh", "relu", ... or "".
        shape: Of the outputs with 0 for the batch axis, such as (0, 10).
        target_shape: Of the targets likewise; () where unseen.
        broadcast_shape: Of what the loss compared, where it is larger than outputs and targets both; () else.
        minimum, maximum, mean, spread: Of the outputs in the last deep look; spread is over rows, mean over columns.
        sums_to_one: Rows of the outputs sum to 1.
        sums_axis: Axis over which outputs sum to 1, where it is not the last: 0 is the batch; -1 for none.
        negative_loss: A loss under 0 was seen where none can be.
        detached: The loss has no graph: nothing can be learned from it.
        spread_share: Over deep looks, spread of the outputs over the spread of targets (numbers) or over 1 (logits).
        predicted_share: Mean predicted share of each class in the last deep look (classes only).
    """

    loss: str = ""
    loss_chain: tuple[str, ...] = ()
    last_activation: str = ""
    shape: tuple[int, ...] = ()
    target_shape: tuple[int, ...] = ()
    broadcast_shape: tuple[int, ...] = ()
    minimum: float = 0.0
    maximum: float = 0.0
    mean: float = 0.0
    spread: float = 0.0
    sums_to_one: bool = False
    sums_axis: int = -1
    negative_loss: bool = False
    detached: bool = False
    spread_share: tuple[float, ...] = ()
    predicted_share: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ModeFacts:
    """Dropout, batch norm, and who switched what when.

    Attributes:
        dropout: Largest share dropped of any dropout in use; 0 without.
        dropout_layers: Names of dropouts with their share, such as "drop1 (0.9)".
        batch_norms: How many there are.
        norm_rows: Rows times places a channel over which batch norm averages, the fewest of any layer; 0 if unseen.
        norm_batch: Rows of the batch that it saw.
        eval_steps: Share of optimiser steps taken with dropout or batch norm in evaluation mode.
        eval_since: First of those steps that no later one was out of; -1 for none.
        valid_in_training: Share of validations that ran in training mode; nan where none was seen.
        valid_seen: How many validations were seen.
        frozen_norms: Batch norms whose running statistics never moved though they were called in training mode.
    """

    dropout: float = 0.0
    dropout_layers: tuple[str, ...] = ()
    batch_norms: int = 0
    norm_rows: int = 0
    norm_batch: int = 0
    eval_steps: float = 0.0
    eval_since: int = -1
    valid_in_training: float = float("nan")
    valid_seen: int = 0
    frozen_norms: int = 0


@dataclass(frozen=True, slots=True)
class HeadLooks:
    """Attention of one layer over deep looks, one number a head.

    Attributes:
        layer: Name of the module.
        tokens: Keys that a query could look at.
        entropy: (look, head): mean entropy over queries as a share of the largest possible.
        sink: (look, head): mean share of attention on the key that gets most.
    """

    layer: str
    tokens: int
    entropy: tuple[tuple[float, ...], ...] = ()
    sink: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class TimeLooks:
    """How far a recurrent layer's gradient reaches back.

    Attributes:
        layer: Name of the module.
        kind: "rnn", "gru" or "lstm".
        tokens: Steps of a sequence.
        factor: Over deep looks, how the size of the last output's gradient changes for each step back (geometric mean).
        reach: Over deep looks, gradient at the first step over that at the last.
    """

    layer: str
    kind: str
    tokens: int
    factor: tuple[float, ...] = ()
    reach: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class FloorFacts:
    """What a plain learner makes of rows, targets and outputs that were kept: is there anything left to learn?

    Attributes:
        rows: Rows kept; 0 where the test was not made.
        target_share: Share of the targets' entropy or variance that nearest neighbours in the inputs explain, cross-validated.
        target_p: P-value of "inputs say nothing about targets", by permutation.
        residual_share: The same of the model's present residuals: what it leaves that inputs still tell.
        residual_p: P-value of "inputs say nothing about the residuals".
        model_share: Share that the model itself explains on these rows at present.
    """

    rows: int = 0
    target_share: float = 0.0
    target_p: float = 1.0
    residual_share: float = 0.0
    residual_p: float = 1.0
    model_share: float = 0.0
