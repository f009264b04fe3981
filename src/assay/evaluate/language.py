"""The evidence of a language run's evaluation: the ladder, the chosen model's ledger, its contexts, its dearest tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.eval_evidence import EvalEvidence, Rung
from assay.core.language_evidence import LanguageEvidence
from assay.core.seeds import seed_for
from assay.evaluate.adjustment import with_calibration
from assay.evaluate.ladder import simplest_of_the_best
from assay.evaluate.language_calibration import language_calibration
from assay.evaluate.language_ledger import Cut, TokenLosses, by_learner, by_source, language_ledger
from assay.evaluate.language_text import group_means, pieces
from assay.evaluate.row_sample import mean_and_se

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.core.ledger import Side
    from assay.evaluate.language_text import Stretches
    from assay.model.language import TokenModel
    from assay.model.snapshots import Snapshots
    from assay.model.tokenizer import Tokenizer

EXCERPT_CHARACTERS = 900
BEFORE_CHARACTERS = 120


@dataclass(frozen=True)
class LanguageCandidate:
    """A trained language model, as the ladder reads it.

    Attributes:
        snapshots: A network's weights from birth to those kept; None for other models.
    """

    model: TokenModel
    seconds: float = 0.0
    snapshots: Snapshots | None = None


@dataclass(frozen=True)
class LanguageEvaluation:
    """Candidates on the same text.

    Attributes:
        held: Held-out text; learned: text that they learned from.
        unit: Of the losses.
        most_tokens: Tokens whose gradients a network's side of learners may take.
        seed: Of the run.
    """

    candidates: Sequence[LanguageCandidate]
    held: Stretches
    learned: Stretches
    tokenizer: Tokenizer
    unit: str
    most_tokens: int
    seed: int

    def evidence(self, chosen: str | None = None) -> tuple[EvalEvidence, LanguageEvidence]:
        """All that held-out text says about the models, and in detail about the chosen one.

        Args:
            chosen: Name of the one to look at in detail; the simplest of the best when None.
        """
        ordered = sorted(self.candidates, key=lambda c: c.model.complexity)
        losses = self._losses(ordered)
        name = chosen or simplest_of_the_best({c.model.name: group_means(losses[c.model.name][0].closing) for c in ordered})
        one = next(c for c in ordered if c.model.name == name)
        held, learned = losses[name]
        cuts = {c.model.name: self._cut(c.model, losses[c.model.name][0]) for c in ordered if c.model.complexity > 0 or c is one}
        ledger = language_ledger(
            one.model,
            held,
            learned,
            cuts[name],
            unit=self.unit,
            snapshots=one.snapshots,
            most_tokens=self.most_tokens,
            seed=seed_for(self.seed, "ledger"),
        )
        calibration, right = language_calibration(one.model, held, seed_for(self.seed, "calibration"))
        per_byte = {c.model.name: self.held.bits_per_byte(losses[c.model.name][0].closing, self.tokenizer) for c in ordered}
        evaluation = EvalEvidence(
            model=name,
            task="language",
            unit=self.unit,
            rows=len(held.closing),
            opening=ledger.opening,
            ladder=tuple(_rung(c, losses) for c in ordered),
            metrics={"perplexity": float(2.0**ledger.closing), "bits/byte": per_byte[name], f"next {self.tokenizer.noun} right": right},
            ledger=with_calibration(ledger, calibration),
            layers=self._layers(one, ledger.learners, ordered, losses),
            calibration=calibration,
        )
        before, excerpt = self._excerpt(held.closing)
        told = LanguageEvidence(
            model=name,
            block=one.model.block,
            bits_per_byte=per_byte,
            by_context={n: cut.curve for n, cut in cuts.items()},
            excerpt=excerpt,
            excerpt_before=before,
            parameters=max((getattr(c.model, "parameters", 0) for c in ordered), default=0),
        )
        return evaluation, told

    def _losses(self, ordered: Sequence[LanguageCandidate]) -> dict[str, tuple[TokenLosses, TokenLosses]]:
        """Model -> its losses on held-out and on training text; the simplest model gives the opening."""
        found: dict[str, tuple[TokenLosses, TokenLosses]] = {}
        openings = [text.bits(ordered[0].model) for text in (self.held, self.learned)]
        for one in ordered:
            closings = openings if one is ordered[0] else [text.bits(one.model) for text in (self.held, self.learned)]
            held, learned = (TokenLosses(t, o, c) for t, o, c in zip((self.held, self.learned), openings, closings, strict=True))
            found[one.model.name] = (held, learned)
        return found

    def _cut(self, model: TokenModel, held: TokenLosses) -> Cut:
        return by_source(model, held, self.tokenizer.noun, seed_for(self.seed, "ledger"), self.most_tokens)

    def _layers(
        self,
        one: LanguageCandidate,
        learners: Side,
        ordered: Sequence[LanguageCandidate],
        losses: Mapping[str, tuple[TokenLosses, TokenLosses]],
    ) -> Side | None:
        """The side of learners of the network, also where another model was chosen."""
        if one.snapshots is not None:
            return learners
        network = next((c for c in ordered if c.snapshots is not None), None)
        if network is None:
            return None
        held, learned = losses[network.model.name]
        return by_learner(
            network.model, held, learned, snapshots=network.snapshots, most_tokens=self.most_tokens, seed=seed_for(self.seed, "ledger")
        )

    def _excerpt(self, bits: NDArray[np.float64]) -> tuple[str, tuple[tuple[str, float], ...]]:
        """Text in front of an excerpt, and the excerpt piece by piece, from the middle of the first stretch, where a line begins."""
        tokens = self.held.tokens[0]
        start = self._line_start(tokens, len(tokens) // 2)
        ends = np.cumsum(self.held.widths[0][start:])
        length = max(1, int(np.searchsorted(ends, EXCERPT_CHARACTERS)))
        after = tokens[start : start + length]
        before = self.tokenizer.decode(tokens[max(0, start - BEFORE_CHARACTERS) : start])[-BEFORE_CHARACTERS:]
        return before, pieces(self.tokenizer, after.tolist(), bits[start - 1 : start - 1 + len(after)].tolist())

    def _line_start(self, tokens: NDArray[np.int32], place: int) -> int:
        """The first place from `place` on (at least 1) that follows a line feed, or `place` where no line ends soon."""
        place = max(1, place)
        for later in range(place, min(place + 400, len(tokens))):
            if self.tokenizer.decode([int(tokens[later - 1])]).endswith("\n"):
                return later
        return place


def _rung(one: LanguageCandidate, losses: Mapping[str, tuple[TokenLosses, TokenLosses]]) -> Rung:
    held, learned = losses[one.model.name]
    reduction_se = mean_and_se(group_means(held.gained))[1]
    return Rung(
        one.model.name,
        float(learned.closing.mean()),
        float(held.closing.mean()),
        mean_and_se(group_means(held.closing))[1],
        held.reduction,
        reduction_se,
        one.seconds,
        one.model.complexity,
        one.model.describe(),
    )
