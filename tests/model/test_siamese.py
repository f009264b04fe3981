"""Pair losses have the right gradients, and a siamese network tells same from different."""

import numpy as np
import pytest
import torch

from assay.core.errors import InputError, OptionError
from assay.model.pairs import train_and_test_pairs
from assay.model.siamese import ContrastiveLoss, FeatureEncoder, Siamese, Triplet, TripletLoss, best_threshold, distances


def points(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64, requires_grad=True)


def test_gradients_are_right_by_differences():
    a, b, c = (points(6, 3, seed=s) for s in range(3))
    same = torch.tensor([1.0, 0, 1, 0, 0, 1], dtype=torch.float64)
    pair, triplet = ContrastiveLoss(3.0), TripletLoss(0.7)
    assert torch.autograd.gradcheck(lambda a, b: pair.losses(distances(a, b), same), (a, b), rtol=1e-6)
    both = lambda a, b, c: triplet.losses(torch.stack([distances(a, b), distances(a, c)], 1), same)  # noqa: E731
    assert torch.autograd.gradcheck(both, (a, b, c), rtol=1e-6)


def test_the_triplet_loss_is_that_of_torch():
    a, b, c = (points(20, 4, seed=s).detach() for s in range(3))
    ours = TripletLoss(0.5).losses(torch.stack([distances(a, b), distances(a, c)], 1), torch.zeros(20))
    theirs = torch.nn.functional.triplet_margin_loss(a, b, c, margin=0.5, eps=0.0, reduction="none")
    torch.testing.assert_close(ours, theirs)


def test_equal_items_have_a_gradient_of_zero():
    a = points(2, 3)
    loss = ContrastiveLoss().losses(distances(a, a.detach()), torch.tensor([1.0, 0.0], dtype=torch.float64)).sum()
    assert loss.item() == 16.0
    (slope,) = torch.autograd.grad(loss, a)
    assert not slope.any()


def two_classes(rng, n: int = 10) -> tuple[np.ndarray, list[str]]:
    labels = ["cat"] * n + ["dog"] * n
    return np.concatenate([rng.normal(-1, 0.5, (n, 4)), rng.normal(1, 0.5, (n, 4))]).astype(np.float32), labels


def trained(network, inputs, targets, loss, steps: int = 100):
    network.be_born(torch.Generator().manual_seed(1))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward(loss.losses(network(*inputs), targets).mean())
        optimiser.step()
    return network


def test_same_and_different_lie_on_both_sides_of_the_threshold(rng):
    items, labels = two_classes(rng)
    train, test = train_and_test_pairs(labels, 60, 20)
    x = torch.from_numpy(items)
    same = torch.from_numpy(train.same).float()
    network = trained(Siamese(FeatureEncoder(4, (16,), 4)), (x[train.left], x[train.right]), same, ContrastiveLoss())
    different = network.are_different(x[test.left], x[test.right])
    assert torch.equal(different, torch.from_numpy(~test.same))
    with torch.no_grad():
        apart = network(x[test.left], x[test.right]).numpy()
    assert apart[test.same].max() < network.threshold == 2.0 < apart[~test.same].min()
    threshold, right = best_threshold(apart, test.same)
    assert right == 1.0
    assert apart[test.same].max() < threshold < apart[~test.same].min()


def test_triplets_bring_classes_together_and_the_encoder_is_shared(rng):
    items, _ = two_classes(rng)
    x = torch.from_numpy(items)
    cats, dogs = x[:10], x[10:]
    encoder = FeatureEncoder(4, (16,), 4)
    anchors = (torch.cat([cats, dogs]), torch.cat([cats.roll(1, 0), dogs.roll(1, 0)]), torch.cat([dogs, cats]))
    trained(Triplet(encoder), anchors, torch.zeros(20), TripletLoss(2.0))
    pair = Siamese(encoder)
    with torch.no_grad():
        assert pair(cats.roll(2, 0), cats).max() < pair(cats, dogs).min()
        assert torch.equal(pair(cats, dogs), pair(dogs, cats))
    assert sum(p.numel() for p in pair.parameters()) == 4 * 16 + 16 + 16 * 4 + 4


def test_the_same_seed_gives_the_same_weights_and_leaves_torch_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same = (FeatureEncoder(3, (4,), 2) for _ in range(2))
    for encoder in (one, same):
        encoder.be_born(torch.Generator().manual_seed(9))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_the_best_threshold_is_the_best(seed):
    rng = np.random.default_rng(seed)
    found, same = np.round(rng.random(30), 1), rng.random(30) < 0.5
    threshold, right = best_threshold(found, same)
    assert right == np.mean((found <= threshold) == same)
    assert right == max(np.mean((found <= t) == same) for t in [-1, *found])


def test_nonsense_is_refused():
    with pytest.raises(OptionError, match="a margin of 0 pushes nothing apart"):
        ContrastiveLoss(0)
    with pytest.raises(OptionError, match="a margin of -1"):
        TripletLoss(-1)
    with pytest.raises(InputError, match="0 pairs tell no threshold"):
        best_threshold(np.zeros(0), np.zeros(0, dtype=bool))
