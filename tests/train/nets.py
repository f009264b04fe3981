"""Small networks and data for tests of the loop."""

import torch
from torch import Tensor, nn

from assay.train import Settings, TensorData, TokenData

BRIEF = Settings(epochs=4, batch_rows=16, threads=1)


def born(*modules: nn.Module, seed: int = 0, std: float = 0.3) -> nn.Sequential:
    """A stack with weights drawn by this seed."""
    network, stream = nn.Sequential(*modules), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in network.parameters():
            p.normal_(0.0, std, generator=stream)
    return network


def stack(inputs: int = 5, hidden: int = 8, outputs: int = 3) -> nn.Sequential:
    """Linear, tanh, linear."""
    return born(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs))


def classes(n: int = 96, seed: int = 0) -> TensorData:
    """Five numbers that tell one of three classes."""
    stream = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 5, generator=stream)
    return TensorData(x, (x @ torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]])).argmax(dim=1))


def line(n: int = 64, seed: int = 0) -> TensorData:
    """Five numbers and a value that hangs on them."""
    stream = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 5, generator=stream)
    return TensorData(x, x[:, 0] - 2 * x[:, 1] + 0.1 * torch.randn(n, generator=stream))


class Reader(nn.Module):
    """A next-token network with everything that a loop can trip over: tied weights, a frozen table, a buffer, dropout, a state."""

    def __init__(self, vocab: int = 7, width: int = 6) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab, width)
        self.frozen = nn.Parameter(torch.ones(width), requires_grad=False)
        self.steps = nn.Parameter(torch.zeros(1, dtype=torch.int64), requires_grad=False)
        self.norm = nn.BatchNorm1d(width)
        self.mix = nn.Linear(width, width)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(width, vocab, bias=False)
        self.out.weight = self.table.weight

    def forward(self, tokens: Tensor) -> tuple[Tensor, None]:
        x = self.table(tokens) * self.frozen
        x = self.norm(x.flatten(0, 1)).view_as(x)
        return self.out(self.drop(torch.tanh(self.mix(x)))), None


def reader() -> Reader:
    network, stream = Reader(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in network.parameters():
            if p.requires_grad and p.ndim > 1:
                p.normal_(0.0, 0.3, generator=stream)
        network.mix.bias.zero_()
    return network


def text(n: int = 400) -> TokenData:
    """Tokens that mostly count up by one."""
    steps = torch.ones(n, dtype=torch.int64)
    steps[::9] = 3
    return TokenData(steps.cumsum(0) % 7, block=8)
