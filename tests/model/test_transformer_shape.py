import pytest
import torch

from assay.core.errors import OptionError
from assay.model.transformer import LanguageModel
from assay.model.transformer_shape import TransformerShape, parameter_count

SHAPES = [
    TransformerShape(vocab=65),
    TransformerShape(vocab=65, bias=False),
    TransformerShape(vocab=30, tied=False, norm="rms", position="rope", kv_heads=1),
    TransformerShape(vocab=30, pre_norm=False, norm="none", position="alibi", feed=100),
    TransformerShape(vocab=30, pre_norm=False, position="relative", kv_heads=2, layers=3),
    TransformerShape(vocab=30, shared_kv=True, position="sinusoidal"),
    TransformerShape(vocab=30, shared_kv=True, kv_heads=2, norm="rms", score="bilinear"),
    TransformerShape(vocab=30, score="additive", norm="batch", position="none", width=32),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_closed_form_counts_the_networks_weights(shape: TransformerShape) -> None:
    assert parameter_count(shape) == sum(p.numel() for p in LanguageModel(shape).parameters())


def test_gpt2s_sizes_are_the_published_ones() -> None:
    sizes = {(12, 768, 12): 124_439_808, (24, 1024, 16): 354_823_168, (36, 1280, 20): 774_030_080, (48, 1600, 25): 1_557_611_200}
    for (layers, width, heads), count in sizes.items():
        assert parameter_count(TransformerShape(vocab=50257, layers=layers, width=width, heads=heads, block=1024)) == count


def test_keys_shared_by_twelve_layers_save_a_sixth_of_their_weights() -> None:
    shape = TransformerShape(vocab=0, layers=12, width=768, heads=12, position="none")
    own, shared = parameter_count(shape), parameter_count(TransformerShape(**{**vars(shape), "shared_kv": True}))
    assert 1 - shared / own == pytest.approx(11 / 12 / 6, rel=0.01)


@pytest.mark.parametrize(("wrong", "told"), [({"layers": 0}, "layers = 0"), ({"vocab": -1}, "vocab = -1"), ({"feed": 0}, "feed = 0")])
def test_sizes_that_are_no_sizes_are_refused(wrong: dict[str, int], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        TransformerShape(**{"vocab": 5, **wrong})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"heads": 3}, "3 heads do not divide width 128"),
        ({"position": "rop"}, "did you mean 'rope'"),
        ({"norm": "instance"}, "later tokens"),
        ({"activation": "rely"}, "did you mean 'relu'"),
        ({"vocab": 0}, "vocab=0"),
        ({"dropout": 1.0}, "not a share"),
    ],
)
def test_what_a_language_model_cannot_be_is_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        LanguageModel(TransformerShape(**{"vocab": 5, **wrong}))  # type: ignore[arg-type]


def test_laying_out_a_network_leaves_torchs_own_stream_alone() -> None:
    before = torch.random.get_rng_state()
    LanguageModel(TransformerShape(vocab=5)).be_born(torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.random.get_rng_state())
