from itertools import product

import pytest
import torch
from torch import Tensor, nn

from assay.core.errors import InputError, OptionError
from assay.model.dropout import set_noise
from assay.model.recurrent import Recurrent
from assay.model.recurrent_cell import CELLS, State

KINDS = tuple(CELLS)
PRECISIONS = [(torch.float32, 1e-6), (torch.float64, 1e-12)]
LENGTHS = torch.tensor([6, 0, 1, 4])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def born(kind: str, *, inputs: int = 3, width: int = 5, dtype: torch.dtype = torch.float64, seed: int = 0, **given: object) -> Recurrent:
    network = Recurrent(kind, inputs, width, **given)  # type: ignore[arg-type]
    network.be_born(generator(seed))
    with torch.no_grad():
        for p in network.parameters():  # biases at zero would hide what they do
            p.add_(torch.empty_like(p).normal_(0, 0.2, generator=generator(seed + 1)))
    return network.to(dtype)


def sequences(rows: int = 4, tokens: int = 6, inputs: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.empty(rows, tokens, inputs, dtype=dtype).normal_(generator=generator(7))


def a_state(network: Recurrent, rows: int = 4) -> State:
    shape = (len(network.parts), rows, network.width)
    dtype = network.parts[0].input_weight.dtype
    return tuple(torch.empty(shape, dtype=dtype).normal_(generator=generator(9)) for _ in range(CELLS[network.kind].states))


def watched(network: Recurrent, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
    network.watch = True
    found: tuple[Tensor, State] = network(x, state, lengths)
    network.watch = False
    return found


def largest_difference(a: tuple[Tensor, State], b: tuple[Tensor, State]) -> float:
    return max((p - q).detach().abs().max().item() for p, q in zip((a[0], *a[1]), (b[0], *b[1]), strict=True))


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(("kind", "bidirectional"), list(product(KINDS, (False, True))))
def test_fused_and_step_by_step_give_the_same_numbers(kind: str, bidirectional: bool, dtype: torch.dtype, tolerance: float) -> None:
    network = born(kind, layers=2, bidirectional=bidirectional, dtype=dtype)
    x = sequences(dtype=dtype)
    for state, lengths in product((None, a_state(network)), (None, LENGTHS)):
        assert largest_difference(network(x, state, lengths), watched(network, x, state, lengths)) < tolerance


@pytest.mark.parametrize(("kind", "lengths", "dtype"), list(product(KINDS, (None, LENGTHS), (torch.float32, torch.float64))))
def test_fused_and_step_by_step_give_the_same_gradients(kind: str, lengths: Tensor | None, dtype: torch.dtype) -> None:
    network = born(kind, layers=2, bidirectional=True, dtype=dtype).eval()
    x = sequences(dtype=dtype).requires_grad_()
    tolerance = 1e-4 if dtype == torch.float32 else 1e-11

    def slopes(is_watched: bool) -> list[Tensor]:
        outputs, state = watched(network, x, None, lengths) if is_watched else network(x, None, lengths)
        total = outputs.square().sum() + sum(part.sin().sum() for part in state)
        return list(torch.autograd.grad(total, [x, *network.parameters()]))

    for fused, stepped in zip(slopes(False), slopes(True), strict=True):
        assert torch.allclose(fused, stepped, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_agree_with_finite_differences(kind: str) -> None:
    network = born(kind, inputs=2, width=2, bidirectional=True)
    names = [name for name, _ in network.named_parameters()]
    lengths = torch.tensor([3, 1])

    def outcome(x: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        outputs, state = torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (x, None, lengths))
        return outputs, *state

    weights = [p.detach().clone().requires_grad_() for p in network.parameters()]
    assert torch.autograd.gradcheck(outcome, (sequences(2, 3, 2).requires_grad_(), *weights), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("kind", "bidirectional"), list(product(KINDS, (False, True))))
def test_padding_does_not_change_what_comes_out(kind: str, bidirectional: bool) -> None:
    network = born(kind, layers=2, bidirectional=bidirectional)
    x, state = sequences(), a_state(network)
    outputs, after = network(x, state, LENGTHS)
    for filler in (1e9, float("nan")):
        spoiled = torch.where(torch.arange(6)[None, :, None] < LENGTHS[:, None, None], x, filler)
        assert largest_difference((outputs, after), network(spoiled, state, LENGTHS)) == 0.0
    for row, length in enumerate(LENGTHS.tolist()):
        own, own_after = network(x[row : row + 1, :length], tuple(part[:, row : row + 1] for part in state))
        assert torch.allclose(outputs[row, :length], own[0], atol=1e-12)
        assert outputs[row, length:].abs().sum() == 0
        for batch, alone in zip(after, own_after, strict=True):
            assert torch.allclose(batch[:, row], alone[:, 0], atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_memory_of_an_lstm_is_held_exactly_over_padding(dtype: torch.dtype) -> None:
    network = born("lstm", width=16, dtype=dtype)
    x = sequences(4, 40, dtype=dtype)
    _, (_, long) = network(x, None, torch.full((4,), 3))
    _, (_, short) = network(x[:, :3], None, torch.full((4,), 3))
    assert torch.allclose(long, short, rtol=0, atol=torch.finfo(dtype).eps)


def oracle(network: Recurrent, layers: int, bidirectional: bool) -> nn.RNNBase:
    kinds = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
    theirs = kinds[network.kind](
        network.inputs, network.width, layers, bidirectional=bidirectional, batch_first=True, dtype=torch.float64, device="meta"
    ).to_empty(device="cpu")
    with torch.no_grad():
        for i, part in enumerate(network.parts):
            tail = f"l{i // 2}" + ("_reverse" if i % 2 else "") if bidirectional else f"l{i}"
            for name, own in (
                ("weight_ih", part.input_weight),
                ("weight_hh", part.state_weight),
                ("bias_ih", part.input_bias),
                ("bias_hh", part.state_bias),
            ):
                getattr(theirs, f"{name}_{tail}").copy_(own)
    return theirs


@pytest.mark.parametrize(("kind", "bidirectional"), list(product(KINDS, (False, True))))
def test_the_numbers_are_those_of_torchs_own_networks_also_when_packed(kind: str, bidirectional: bool) -> None:
    network = born(kind, layers=2, bidirectional=bidirectional)
    theirs, x, lengths = oracle(network, 2, bidirectional), sequences(), torch.tensor([6, 2, 1, 4])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    packed_outputs, after = theirs(packed)
    outputs, _ = nn.utils.rnn.pad_packed_sequence(packed_outputs, batch_first=True)
    after = after if isinstance(after, tuple) else (after,)
    assert largest_difference(network(x, None, lengths), (outputs, after)) < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_parts_is_the_sequence(kind: str) -> None:
    network, x = born(kind, layers=2), sequences()
    whole = network(x)
    first, state = network(x[:, :2])
    second, after = network(x[:, 2:], state)
    assert largest_difference(whole, (torch.cat([first, second], dim=1), after)) < 1e-12


def test_the_summary_is_the_last_output_forwards_and_the_first_backwards() -> None:
    network = born("gru", bidirectional=True)
    outputs, state = network(sequences(), None, torch.tensor([6, 2, 1, 4]))
    ends = outputs[torch.arange(4), torch.tensor([5, 1, 0, 3]), :5]
    assert torch.equal(network.summary(state), torch.cat([ends, outputs[:, 0, 5:]], dim=1))


def test_gates_of_the_last_call_are_kept_while_watched_only() -> None:
    network = born("lstm", layers=2, bidirectional=True)
    outputs, _ = watched(network, sequences(), None, LENGTHS)
    assert list(network.gates) == ["layer 1", "layer 1 backwards", "layer 2", "layer 2 backwards"]
    gates = network.gates["layer 2"]
    assert {tuple(gate.shape) for gate in gates.values()} == {(4, 6, 5)}
    assert torch.equal(gates["hidden"], outputs[:, :, :5])
    assert torch.allclose(gates["output"] * gates["memory"].tanh(), gates["hidden"])
    network(sequences())
    assert network.gates == {}


def test_an_empty_sequence_leaves_the_state_as_it_is() -> None:
    network = born("lstm")
    state = a_state(network)
    for is_watched in (False, True):
        outputs, after = (watched if is_watched else network)(*((network,) if is_watched else ()), sequences()[:, :0], state)
        assert outputs.shape == (4, 0, 5)
        assert all(torch.equal(a, b) for a, b in zip(after, state, strict=True))


def test_an_rnn_has_two_full_matrices_and_not_a_number_a_dimension() -> None:
    assert sum(p.numel() for p in Recurrent("rnn", 300, 300).parameters()) == 180_600
    sizes = {kind: sum(p.numel() for p in Recurrent(kind, 7, 5).parameters()) for kind in KINDS}
    assert sizes == {kind: CELLS[kind].gates * (5 * 7 + 5 * 5 + 10) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_and_the_global_stream_is_left_alone(kind: str) -> None:
    before = torch.random.get_rng_state()
    networks = [Recurrent(kind, 3, 4, layers=2, dropout=0.5) for _ in range(2)]
    outputs = []
    for network in networks:
        network.be_born(generator(5))
        set_noise(network, generator(6))
        outputs.append(network(sequences(dtype=torch.float32))[0])
    assert torch.equal(*outputs)
    assert torch.equal(before, torch.random.get_rng_state())


def test_dropout_acts_between_layers_only_and_while_training_only() -> None:
    one, two = born("rnn", layers=1, dropout=0.5), born("rnn", layers=2, dropout=0.5)
    x = sequences()
    assert torch.equal(one(x)[0], one(x)[0])
    assert not torch.equal(two(x)[0], two(x)[0])
    two.eval()
    assert torch.equal(two(x)[0], two(x)[0])


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 3.0])
def test_the_forget_gate_is_born_as_open_as_it_is_told(forget_bias: float) -> None:
    network = Recurrent("lstm", 3, 400, forget_bias=forget_bias)
    network.be_born(generator())
    network.watch = True
    network(torch.zeros(1, 1, 3))
    assert torch.allclose(network.gates["layer 1"]["forget"], torch.tensor(forget_bias).sigmoid())


def test_states_are_born_orthogonal_gate_by_gate() -> None:
    network = Recurrent("gru", 3, 6)
    network.be_born(generator())
    for gate in network.parts[0].state_weight.chunk(3):
        assert torch.allclose(gate @ gate.T, torch.eye(6), atol=1e-6)


def test_every_layer_and_direction_has_its_name() -> None:
    network = Recurrent("lstm", 3, 4, layers=2, bidirectional=True)
    groups = network.groups()
    assert list(groups) == ["layer 1", "layer 1 backwards", "layer 2", "layer 2 backwards"]
    assert [name for names in groups.values() for name in names] == [name for name, _ in network.named_parameters()]


def test_what_is_not_accepted_is_said() -> None:
    with pytest.raises(OptionError, match="did you mean 'lstm'"):
        Recurrent("lsmt", 3, 4)
    with pytest.raises(OptionError, match="0 units"):
        Recurrent("gru", 3, 0)
    network = Recurrent("lstm", 3, 4)
    with pytest.raises(InputError, match="lengths 0 to 7 of sequences of 6"):
        network(torch.zeros(2, 6, 3), None, torch.tensor([0, 7]))
    with pytest.raises(InputError, match=r"give 2 of \(1, 2, 4\)"):
        network(torch.zeros(2, 6, 3), (torch.zeros(1, 2, 4),))
