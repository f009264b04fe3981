from __future__ import annotations

import math

from assay.rules.depth import early_ratio, hidden, in_order, largest_ratio, pushes
from assay.rules.example_training import chain, flat, steady, training


def test_layers_come_in_the_data_s_way_without_norms_and_embeddings() -> None:
    parts = chain(4, lambda i: {"order": 3 - i, "is_last": i == 0, "kind": "norm" if i == 1 else "linear"})
    trace = training(flat(1.0), parts=parts)
    assert [part.order for part in in_order(trace)] == [0, 1, 3]
    assert [part.order for part in hidden(trace)] == [0, 1]


def test_a_push_is_free_of_the_unit_of_the_loss() -> None:
    small = training(flat(1.0, noise=0.0), parts=chain(3))
    large = training(flat(1000.0, noise=0.0), parts=chain(3, gradient_rms=steady(10.0)))
    assert math.isclose(pushes(small)[0], pushes(large)[0], rel_tol=1e-9)


def test_a_last_layer_of_zeros_does_not_count_as_large_steps() -> None:
    trace = training(flat(1.0), parts=chain(3, lambda i: {"update_ratio": steady(math.inf if i == 2 else 1e-6)}))
    assert largest_ratio(trace) == 1e-6
    assert early_ratio(trace) == 1e-6
