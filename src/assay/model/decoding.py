"""Text from any network that predicts the next token: greedy, by temperature, top-k, top-p, or by beams."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import torch

from assay.core.errors import InputError, OptionError
from assay.core.units import BITS_PER_NAT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from jaxtyping import Float, Int
    from torch import Tensor


@runtime_checkable
class PastTokens(Protocol):
    """What a network keeps of the tokens that it has read."""

    def take(self, rows: Tensor) -> None:
        """Keep these rows of the batch, in this order."""


@runtime_checkable
class NextTokenNetwork(Protocol):
    """What decoding asks of a network; `LanguageModel` and the recurrent language model have it.

    With a cache, `tokens` are the new ones only, and the call adds them to the cache.
    """

    @property
    def vocab(self) -> int:
        """Tokens there are."""

    @property
    def longest(self) -> int | None:
        """The most tokens that it reads at once, those in the cache counted; None for no limit."""

    @property
    def training(self) -> bool:
        """Whether dropout is on."""

    def train(self, mode: bool = True) -> object:
        """Switch dropout on or off."""

    def new_cache(self) -> PastTokens:
        """An empty cache."""

    def __call__(self, tokens: Tensor, *, cache: PastTokens | None = None) -> Tensor:
        """Scores of each next token, (batch, tokens, vocab)."""


class Beam(NamedTuple):
    """One continuation: its new tokens, and how many bits the network needs to write them."""

    tokens: Tensor
    bits: float


def next_probabilities(
    logits: Float[Tensor, "*any vocab"], *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Float[Tensor, "*any vocab"]:
    """Probabilities of the next token: softmax(logits / temperature), cut to the likeliest.

    The temperature comes first, then the `top_k` likeliest are kept, then the fewest of them that hold `top_p` of all probability; ties at
    the cut of top-k stay in. Temperature 0 puts all on the likeliest.

    Source: top-k Fan et al. 2018; top-p (nucleus) Holtzman et al. 2020.

    Raises:
        OptionError: a temperature below 0, a top_k below 1 or a top_p outside (0, 1].

    Example:
        >>> logits = torch.tensor([4.0, 2.0, 1.0]).log()
        >>> next_probabilities(logits, top_k=2).mul(3).round().tolist()
        [2.0, 1.0, 0.0]
        >>> next_probabilities(logits, temperature=0.0).tolist()
        [1.0, 0.0, 0.0]
    """
    _check_options(temperature, top_k, top_p)
    if temperature == 0.0:
        return torch.nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        last = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < last, -torch.inf)
    probabilities = logits.softmax(dim=-1)
    if top_p is not None and top_p < 1.0:
        ordered, order = probabilities.sort(dim=-1, descending=True)
        before = ordered.cumsum(dim=-1) - ordered
        kept = torch.zeros_like(probabilities).scatter(-1, order, ordered.masked_fill(before >= top_p, 0.0))
        probabilities = kept / kept.sum(dim=-1, keepdim=True)
    return probabilities


def generate(
    network: NextTokenNetwork,
    prompt: Int[Tensor, " tokens"],
    n_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: Collection[int] = (),
    generator: torch.Generator | None = None,
    cache: bool = True,
) -> Int[Tensor, " _tokens"]:
    """The tokens that follow the prompt, at most `n_tokens`.

    Where prompt and new tokens together are more than the network reads at once, the last `network.longest` of them are read. Such a window
    moves with each token, so that its keys and values are computed anew; until then the cache makes a token cost one token's work.

    Args:
        network: What predicts the next token.
        prompt: At least one token.
        n_tokens: How many to write.
        temperature: 0 for the likeliest token always, 1 for the network's own distribution, more for wilder.
        top_k: Only the likeliest so many.
        top_p: Only the fewest that hold this share of the probability.
        stop: Tokens that end the text; the one that ended it is its last.
        generator: What is drawn from; None stands for a generator of seed 0.
        cache: Whether past keys and values (or states) are kept; the text is the same either way.

    Raises:
        InputError: the prompt is empty or has unknown tokens.
        OptionError: temperature, top_k or top_p cannot be.

    Example:
        >>> from assay.model.transformer import LanguageModel
        >>> from assay.model.transformer_shape import TransformerShape
        >>> model = LanguageModel(TransformerShape(vocab=9, layers=1, width=8, heads=2, block=4))
        >>> model.be_born(torch.Generator().manual_seed(0))
        >>> generate(model, torch.tensor([3]), 6, temperature=0.0).shape
        torch.Size([6])
    """
    _check_options(temperature, top_k, top_p)
    _check_prompt(network, prompt)
    drawing = torch.Generator(prompt.device).manual_seed(0) if generator is None else generator
    written: list[Tensor] = []
    with predicting(network):
        reader = _Reader(network, prompt[None], cache=cache)
        for _ in range(n_tokens):
            chances = next_probabilities(reader.next_logits()[0], temperature=temperature, top_k=top_k, top_p=top_p)
            chosen = torch.multinomial(chances, 1, generator=drawing) if temperature > 0.0 else chances.argmax(dim=-1, keepdim=True)
            written.append(chosen)
            if stop and int(chosen) in stop:
                break
            reader.add(chosen[None])
    return torch.cat(written) if written else prompt[:0]


def beam_search(
    network: NextTokenNetwork,
    prompt: Int[Tensor, " tokens"],
    n_tokens: int,
    *,
    beams: int = 4,
    stop: Collection[int] = (),
    length_power: float = 0.0,
    cache: bool = True,
) -> list[Beam]:
    """Likely continuations of the prompt, the likeliest first, found by following the best `beams` at every token.

    One beam is greedy decoding. `length_power` a > 0 ranks by bits / length ** a, since longer texts cost more bits (Wu et al. 2016).

    Raises:
        InputError: the prompt is empty or has unknown tokens.
        OptionError: fewer than one beam.

    Example:
        >>> from assay.model.transformer import LanguageModel
        >>> from assay.model.transformer_shape import TransformerShape
        >>> model = LanguageModel(TransformerShape(vocab=9, layers=1, width=8, heads=2))
        >>> model.be_born(torch.Generator().manual_seed(0))
        >>> [beam.tokens.shape for beam in beam_search(model, torch.tensor([3]), 4, beams=2)]
        [torch.Size([4]), torch.Size([4])]
    """
    if beams < 1:
        raise OptionError(f"{beams} beams; give 1 (greedy) or more")
    _check_prompt(network, prompt)
    ended: list[Beam] = []
    # float64, for thousands of bits are summed
    nats, written = prompt.new_zeros(1, dtype=torch.float64), prompt.new_zeros(1, 0)
    stops = torch.tensor(sorted(stop), dtype=prompt.dtype, device=prompt.device)
    with predicting(network):
        reader = _Reader(network, prompt[None], cache=cache)
        for _ in range(n_tokens):
            totals = nats[:, None] - reader.next_logits().double().log_softmax(dim=-1)
            nats, places = totals.flatten().topk(min(beams, totals.numel()), largest=False)
            rows, chosen = places // network.vocab, places % network.vocab
            written = torch.cat([written[rows], chosen[:, None]], dim=1)
            over = torch.isin(chosen, stops)
            ended += [Beam(text, float(cost) * BITS_PER_NAT) for text, cost in zip(written[over], nats[over], strict=True)]
            nats, written, rows = nats[~over], written[~over], rows[~over]
            if not len(rows) or (length_power == 0.0 and _is_settled(ended, nats, beams)):
                break
            reader.take(rows)
            reader.add(written[:, -1:])
    ended += [Beam(text, float(cost) * BITS_PER_NAT) for text, cost in zip(written, nats, strict=True)]
    return sorted(ended, key=lambda beam: beam.bits / max(1, len(beam.tokens)) ** length_power)[:beams]


def _is_settled(ended: list[Beam], nats: Tensor, beams: int) -> bool:
    """Whether enough texts have ended that cost less than any that goes on."""
    return sum(beam.bits <= float(nats.min()) * BITS_PER_NAT for beam in ended) >= beams


class _Reader:
    """Texts being written, one a row, and the next-token scores of each."""

    def __init__(self, network: NextTokenNetwork, tokens: Tensor, *, cache: bool) -> None:
        self.network, self.tokens = network, tokens
        self.cache = network.new_cache() if cache else None
        self.read = 0

    def next_logits(self) -> Tensor:
        """Scores of the next token, (batch, vocab)."""
        longest, length = self.network.longest, self.tokens.shape[1]
        if longest is not None and length > longest:
            # each token has moved within the window, and with it every key and value
            return self.network(self.tokens[:, -longest:])[:, -1]
        logits = self.network(self.tokens[:, self.read :], cache=self.cache) if self.cache is not None else self.network(self.tokens)
        self.read = 0 if self.cache is None else length
        return logits[:, -1]

    def add(self, tokens: Tensor) -> None:
        """One more token a row."""
        self.tokens = torch.cat([self.tokens, tokens], dim=1)

    def take(self, rows: Tensor) -> None:
        """Go on with these rows."""
        self.tokens = self.tokens[rows]
        if self.cache is not None:
            self.cache.take(rows)


@contextmanager
def predicting(network: NextTokenNetwork) -> Iterator[None]:
    """No gradients and no dropout within, and as it was afterwards.

    Example:
        >>> network = torch.nn.Dropout(0.5)
        >>> with predicting(network):
        ...     network.training
        False
        >>> network.training
        True
    """
    was_training = network.training
    network.train(False)
    try:
        with torch.no_grad():  # texts written in inference mode could not be trained on
            yield
    finally:
        network.train(was_training)


def _check_options(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not temperature >= 0.0:
        raise OptionError(f"temperature {temperature} is below 0; give 0 for the likeliest token, 1 for the network's own distribution")
    if top_k is not None and top_k < 1:
        raise OptionError(f"top_k {top_k} leaves no token; give 1 or more")
    if top_p is not None and not 0.0 < top_p <= 1.0:
        raise OptionError(f"top_p {top_p} is no share of probability; give more than 0 and at most 1")


def _check_prompt(network: NextTokenNetwork, prompt: Tensor) -> None:
    if len(prompt) == 0:
        raise InputError("an empty prompt, 0 tokens; give at least one, such as the token that begins a text")
    if int(prompt.min()) < 0 or int(prompt.max()) >= network.vocab:
        raise InputError(f"prompt tokens {int(prompt.min())} to {int(prompt.max())} are not all in a vocabulary of {network.vocab}")
