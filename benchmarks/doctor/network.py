"""Networks as people write them: built from a few knobs, each with its own way of being put together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

Activation = type[nn.Module]


def norm_1d(name: str, width: int) -> list[nn.Module]:
    """No norm, or the one of that name."""
    return {"": [], "batch": [nn.BatchNorm1d(width)], "layer": [nn.LayerNorm(width)]}[name]


def mlp(
    inputs: int,
    outputs: int,
    *,
    width: int = 48,
    depth: int = 2,
    act: Activation = nn.ReLU,
    norm: str = "",
    drop: float = 0.0,
) -> nn.Sequential:
    """Linear, norm, activation and dropout, depth times, then a linear head."""
    layers: list[nn.Module] = [nn.Flatten()]
    for n in range(depth):
        layers += [nn.Linear(width if n else inputs, width), *norm_1d(norm, width), act()]
        layers += [nn.Dropout(drop)] if drop else []
    return nn.Sequential(*layers, nn.Linear(width if depth else inputs, outputs))


class Cnn(nn.Module):
    """Convolutions of 3 x 3, a pool of 2 after the first, and a head over what is left."""

    def __init__(
        self,
        side: int,
        outputs: int,
        *,
        width: int = 8,
        depth: int = 2,
        act: Activation = nn.ReLU,
        norm: str = "",
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.side = side
        self.conv = nn.ModuleList([nn.Conv2d(width if n else 1, width, 3, padding=1) for n in range(depth)])
        made = {"": nn.Identity, "batch": lambda: nn.BatchNorm2d(width), "layer": lambda: nn.GroupNorm(1, width)}[norm]
        self.norms = nn.ModuleList([made() for _ in range(depth)])
        self.act = act()
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(drop)
        self.head = nn.Linear(width * (side // 2) ** 2, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(len(x), 1, self.side, self.side)
        for n, (conv, norm) in enumerate(zip(self.conv, self.norms, strict=True)):
            x = self.act(norm(conv(x)))
            if n == 0:
                x = self.pool(x)
        return self.head(self.drop(torch.flatten(x, 1)))


class Rnn(nn.Module):
    """A recurrent layer over rows of numbers or embedded tokens; the head reads the last step, or every one."""

    def __init__(
        self,
        kind: str,
        inputs: int,
        outputs: int,
        *,
        vocab: int = 0,
        every: bool = False,
        width: int = 32,
        depth: int = 1,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, inputs) if vocab else None
        made = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind]
        self.rnn = made(inputs, width, num_layers=depth, batch_first=True)
        self.drop = nn.Dropout(drop)
        self.fc = nn.Linear(width, outputs)
        self.inputs, self.every = inputs, every

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x) if self.embed is not None else x.reshape(len(x), -1, self.inputs)
        hidden, _ = self.rnn(x)
        return self.fc(self.drop(hidden if self.every else hidden[:, -1]))


class Attentive(nn.Module):
    """An encoder of torch's own transformer layers over tokens or rows of numbers, mean over tokens, a head."""

    def __init__(
        self,
        outputs: int,
        *,
        tokens: int,
        vocab: int = 0,
        inputs: int = 0,
        width: int = 32,
        depth: int = 1,
        heads: int = 2,
        drop: float = 0.0,
        norm_first: bool = True,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, width) if vocab else nn.Linear(inputs, width)
        self.place = nn.Parameter(torch.randn(tokens, width) * 0.1)
        self.blocks = nn.ModuleList(
            [nn.TransformerEncoderLayer(width, heads, 2 * width, drop, batch_first=True, norm_first=norm_first) for _ in range(depth)]
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)
        self.tokens, self.inputs, self.causal = tokens, inputs, causal

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(len(x), self.tokens, self.inputs) if self.inputs else x
        hidden = self.embed(x) + self.place[: x.shape[1]]
        mask = torch.triu(torch.full((x.shape[1], x.shape[1]), -torch.inf), 1) if self.causal else None
        for block in self.blocks:
            hidden = block(hidden, src_mask=mask)
        hidden = self.norm(hidden)
        return self.head(hidden if self.causal else hidden.mean(1))


class Residual(nn.Module):
    """x + f(x), f a norm, a linear layer, a bend and a linear layer back."""

    def __init__(self, width: int, *, norm: bool = True, act: Activation = nn.ReLU) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.up, self.act, self.down = nn.Linear(width, width), act(), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(self.act(self.up(self.norm(x))))


class ConvBlock(nn.Module):
    """The residual block of an image network: two convolutions with batch norm around a shortcut."""

    def __init__(self, width: int, *, zero_gamma: bool = False) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        if zero_gamma:
            nn.init.zeros_(self.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class ResNet(nn.Module):
    """A stem, a few blocks, the mean over places and a head."""

    def __init__(self, side: int, outputs: int, *, width: int = 8, depth: int = 2, zero_gamma: bool = False) -> None:
        super().__init__()
        self.side = side
        self.stem = nn.Sequential(
            OrderedDict(conv=nn.Conv2d(1, width, 3, padding=1, bias=False), bn=nn.BatchNorm2d(width), relu=nn.ReLU(), pool=nn.MaxPool2d(2))
        )
        self.blocks = nn.Sequential(*[ConvBlock(width, zero_gamma=zero_gamma) for _ in range(depth)])
        self.fc = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x.view(len(x), 1, self.side, self.side)))
        return self.fc(x.mean((2, 3)))


def weights(model: nn.Module, kinds: Sequence[type[nn.Module]] = (nn.Linear, nn.Conv2d)) -> list[nn.Parameter]:
    """The weight of every layer of these kinds, and of every recurrent layer."""
    found = [m.weight for m in model.modules() if isinstance(m, tuple(kinds))]
    recurrent = [m for m in model.modules() if isinstance(m, nn.RNNBase)]
    return found + [p for m in recurrent for name, p in m.named_parameters() if name.startswith("weight")]
