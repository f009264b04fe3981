"""Byte-pair encoding on bytes, as GPT-2's, by Hugging Face `tokenizers`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from assay.core.errors import ExtraMissing, OptionError, RunError
from assay.model.tokenizer import Tokenizer, pieces_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer as HuggingFace

USUAL_SIZE = 4096
N_BYTES = 256


class BpeTokenizer(Tokenizer):
    """Frequent runs of bytes as one token each; the 256 bytes are tokens too, so that nothing is unknown.

    The round trip is exact. Text is cut before blanks as in GPT-2 and each piece is merged by itself.

    Args:
        merges: The tokeniser of Hugging Face.

    Source: Sennrich, Haddow and Birch 2016; on bytes: Radford et al. 2019, section 2.2.

    Example:
        >>> bpe = BpeTokenizer.learned(["low lower lowest " * 20], size=262)
        >>> bpe.size, bpe.decode(bpe.encode("slow"))
        (262, 'slow')
    """

    kind, noun = "bpe", "token"

    def __init__(self, merges: HuggingFace) -> None:
        self._merges = merges

    @property
    def size(self) -> int:
        return int(self._merges.get_vocab_size())

    def encode(self, text: str) -> NDArray[np.int32]:
        parts = [np.array(self._merges.encode(part, add_special_tokens=False).ids, dtype=np.int32) for part in pieces_of(text)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)

    def decode(self, tokens: Iterable[int]) -> str:
        return b"".join(self._bytes[int(t)] for t in tokens).decode("utf-8", "replace")

    def widths(self, text: str, tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        lengths = np.array([len(b) for b in self._bytes], dtype=np.int32)
        return lengths[tokens]

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "tokenizers": self._merges.to_str()}

    @classmethod
    def from_state(cls, data: Mapping[str, Any]) -> Self:
        text = str(data["tokenizers"])
        library = _library()
        try:
            return cls(library.Tokenizer.from_str(text))
        except Exception as problem:  # the library raises bare Exception
            raise RunError(f"the BPE tokeniser cannot be read: {problem}; it was written by another version, or cut") from problem

    @classmethod
    def learned(cls, texts: Iterable[str], size: int | None = None) -> Self:
        """The merges that pay most on the texts, up to a vocabulary of `size`.

        Raises:
            OptionError: `size` leaves no room beside the 256 bytes.
            ExtraMissing: `tokenizers` is not installed.
        """
        wanted = size or USUAL_SIZE
        if wanted < N_BYTES:
            raise OptionError(f"a vocabulary of {wanted} is smaller than the {N_BYTES} bytes that BPE starts from; give at least {N_BYTES}")
        library = _library()
        merges = library.Tokenizer(library.models.BPE())
        merges.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        merges.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=wanted, show_progress=False, initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet()
        )
        merges.train_from_iterator(_lines(texts), trainer=trainer)
        return cls(merges)

    @cached_property
    def _bytes(self) -> tuple[bytes, ...]:
        """What each token stands for."""
        signs = {sign: byte for byte, sign in enumerate(_signs())}
        words = [str(self._merges.id_to_token(number)) for number in range(self.size)]
        return tuple(bytes(signs[c] for c in word) for word in words)


def _lines(texts: Iterable[str]) -> Iterator[str]:
    return (line for text in texts for part in pieces_of(text) for line in part.splitlines(keepends=True))


def _signs() -> str:
    """The printable sign that stands for each byte in a byte-level vocabulary: itself where it is printable, else 256 and on.

    Source: Radford et al. 2019 (GPT-2).
    """
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return "".join(chr(byte) if byte in plain else chr(next(others)) for byte in range(N_BYTES))


def _library() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ModuleNotFoundError as problem:
        raise ExtraMissing("BPE", "text") from problem
    return tokenizers
