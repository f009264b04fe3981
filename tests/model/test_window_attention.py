import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from assay.core.errors import OptionError
from assay.model.window_attention import WindowAttention, window_attention, window_places


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("n_global", [0, 1, 3])
@pytest.mark.parametrize(("tokens", "reach"), [(12, 3), (13, 4), (5, 8), (1, 2), (7, 1)])
def test_chunks_give_what_the_whole_mask_gives(tokens: int, reach: int, n_global: int, causal: bool) -> None:
    query, key, value = (numbers(2, 3, tokens, 4, seed=s) for s in range(3))
    mask = window_places(tokens, reach, n_global=n_global, causal=causal)
    wanted = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    found = window_attention(query, key, value, reach, n_global=n_global, causal=causal)
    assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-13)


def test_the_cost_grows_with_the_length_and_not_its_square() -> None:
    def products(tokens: int) -> int:
        x = numbers(1, 2, tokens, 4)
        with FlopCounterMode(display=False) as counter:
            window_attention(x, x, x, 8, n_global=2)
        return counter.get_total_flops()

    assert products(1024) / products(256) == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("convolve", [False, True])
def test_gradients_agree_with_finite_differences_and_no_token_sees_beyond_its_window(causal: bool, convolve: bool) -> None:
    layer = WindowAttention(4, 2, reach=2, causal=causal, convolve=convolve).double()
    layer.be_born(torch.Generator().manual_seed(0), std=0.5)
    for seed, parameter in enumerate(layer.parameters()):
        parameter.data.add_(0.3 * numbers(*parameter.shape, seed=seed))
    x = numbers(1, 7, 4)
    names, values = [n for n, _ in layer.named_parameters()], [p.detach().clone().requires_grad_() for p in layer.parameters()]

    def of(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    assert torch.autograd.gradcheck(of, (x.clone().requires_grad_(), *values), eps=1e-6, rtol=1e-6, atol=1e-7, fast_mode=True)
    other = x.clone()
    other[:, 4] += 1.0
    changed = (layer(other) - layer(x)).abs().amax(dim=(0, 2)) > 1e-9
    assert changed.tolist() == [False, False, not causal, not causal, True, True, True]


def test_what_cannot_be_is_refused() -> None:
    x = numbers(1, 1, 4, 2)
    with pytest.raises(OptionError, match="a window of reach 0"):
        window_attention(x, x, x, 0)
    with pytest.raises(OptionError, match="3 heads do not divide width 8"):
        WindowAttention(8, 3, reach=2)
