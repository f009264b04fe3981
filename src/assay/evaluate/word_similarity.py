"""How word vectors agree with people: similarity judgements by rank correlation, analogy questions by the share answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import SourceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.vectors import WordVectors

QUESTIONS_AT_ONCE = 512
LEAST_PAIRS = 3


@dataclass(frozen=True)
class Judgements:
    """Pairs of words with how similar people find them.

    Attributes:
        name: Of the collection.
        pairs: (word, word, judgement).
    """

    name: str
    pairs: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class Questions:
    """Analogy questions: a is to b as c is to d.

    Attributes:
        name: Of the collection.
        sections: Section name -> its questions (a, b, c, d).
    """

    name: str
    sections: dict[str, tuple[tuple[str, str, str, str], ...]]


@dataclass(frozen=True)
class Agreement:
    """How far cosines rank pairs as people do.

    Attributes:
        name: Of the collection.
        correlation: Spearman's rank correlation over the covered pairs, -1 to 1; None where fewer than 3 are covered.
        pairs: How many there are.
        covered: Of how many both words are known.
    """

    name: str
    correlation: float | None
    pairs: int
    covered: int

    @property
    def coverage_share(self) -> float:
        """Share of the pairs of which both words are known."""
        return self.covered / self.pairs if self.pairs else 0.0


@dataclass(frozen=True)
class Answers:
    """How many analogy questions of one section were answered.

    Attributes:
        section: Its name, "all" for the whole.
        questions: How many there are.
        covered: Of how many all four words are known.
        right: Answered, the words of the question being no answers.
        right_with_inputs: Answered although they were.
    """

    section: str
    questions: int
    covered: int
    right: int
    right_with_inputs: int

    @property
    def right_share(self) -> float:
        """Share of the covered questions that were answered."""
        return self.right / self.covered if self.covered else 0.0


@dataclass(frozen=True)
class WordEvaluation:
    """All that was measured of word vectors.

    Attributes:
        agreements: One a collection of judgements.
        analogies: Collection -> its sections, "all" last.
    """

    agreements: tuple[Agreement, ...] = ()
    analogies: dict[str, tuple[Answers, ...]] = field(default_factory=dict)


def read_collection(path: str | Path) -> Judgements | Questions:
    """Judgements or analogy questions from a text file.

    Judgements are lines "word word number", separated by tabs, commas or blanks, of which a first line without number is a
    heading; questions are lines of four words under section lines ": name". Lines that begin with # are comments.

    Raises:
        SourceError: the file cannot be read, or is neither.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise SourceError(f"{path} is no UTF-8 text: {problem.reason} at byte {problem.start}; give a file of word pairs") from problem
    except OSError as problem:
        raise SourceError(f"cannot read {path}: {problem.strerror or problem}; give a file of word pairs or analogy questions") from problem
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if any(line.startswith(":") for _, line in lines):
        return _questions(path, lines)
    return _judgements(path, lines)


def _judgements(path: Path, lines: Sequence[tuple[int, str]]) -> Judgements:
    pairs = []
    for place, (number, line) in enumerate(lines):
        fields = [f.strip() for f in line.split("\t")] if "\t" in line else line.replace(",", " ").split()
        score = next((value for value in map(_number, fields[2:]) if value is not None), None)
        if len(fields) < 3 or score is None:
            if place == 0:
                continue
            raise SourceError(f"{path}, line {number}: {line.strip()[:60]!r} is no pair of words with a number; such as: tiger cat 7.35")
        pairs.append((fields[0].lower(), fields[1].lower(), score))
    if not pairs:
        raise SourceError(f"{path} holds 0 pairs of words with a number; such a line is: tiger cat 7.35")
    return Judgements(path.stem, tuple(pairs))


def _questions(path: Path, lines: Sequence[tuple[int, str]]) -> Questions:
    sections: dict[str, list[tuple[str, str, str, str]]] = {}
    name = "questions"
    for number, line in lines:
        if line.startswith(":"):
            name = line[1:].strip()
            continue
        words = line.lower().split()
        if len(words) != 4:
            raise SourceError(
                f"{path}, line {number}: {line.strip()[:60]!r} holds {len(words)} words, a question has 4: man king woman queen"
            )
        sections.setdefault(name, []).append((words[0], words[1], words[2], words[3]))
    return Questions(path.stem, {section: tuple(questions) for section, questions in sections.items()})


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def agreement(vectors: WordVectors, judgements: Judgements) -> Agreement:
    """Spearman's correlation of cosines with judgements, over the pairs of known words.

    Source: Spearman 1904; the usual measure since Finkelstein et al. 2002.
    """
    from scipy.stats import spearmanr

    known = [(a, b, score) for a, b, score in judgements.pairs if a in vectors and b in vectors]
    if len(known) < LEAST_PAIRS:
        return Agreement(judgements.name, None, len(judgements.pairs), len(known))
    left, right = ([vectors.vocabulary.number_of(word) for word in side] for side in ([p[0] for p in known], [p[1] for p in known]))
    cosines = (vectors.directions[left] * vectors.directions[right]).sum(axis=1)
    people = np.array([score for _, _, score in known])
    if np.ptp(cosines) == 0.0 or np.ptp(people) == 0.0:  # a rank correlation needs ranks
        return Agreement(judgements.name, None, len(judgements.pairs), len(known))
    return Agreement(judgements.name, float(spearmanr(cosines, people).statistic), len(judgements.pairs), len(known))


def answers(vectors: WordVectors, questions: Questions) -> tuple[Answers, ...]:
    """Answered questions by section, and of all: the word nearest to b - a + c by cosine must be d.

    Source: Mikolov et al. 2013a, section 4.1.
    """
    found = []
    for section, asked in questions.sections.items():
        known = [q for q in asked if all(word in vectors for word in q)]
        rows = np.array([[vectors.vocabulary.number_of(word) for word in q] for q in known], dtype=np.intp).reshape(-1, 4)
        without, with_inputs = _answered(vectors.directions, rows)
        found.append(Answers(section, len(asked), len(known), without, with_inputs))
    total = (sum(getattr(one, name) for one in found) for name in ("questions", "covered", "right", "right_with_inputs"))
    return (*found, Answers("all", *total))


def _answered(directions: NDArray[np.float32], rows: NDArray[np.intp]) -> tuple[int, int]:
    """How many of the questions (rows of a, b, c, d) are answered without and with the question's words as answers."""
    without = with_inputs = 0
    for start in range(0, len(rows), QUESTIONS_AT_ONCE):
        a, b, c, d = rows[start : start + QUESTIONS_AT_ONCE].T
        scores = (directions[b] - directions[a] + directions[c]) @ directions.T
        with_inputs += int((scores.argmax(axis=1) == d).sum())
        for word in (a, b, c):
            scores[np.arange(len(d)), word] = -np.inf
        without += int((scores.argmax(axis=1) == d).sum())
    return without, with_inputs


def evaluate_words(vectors: WordVectors, collections: Sequence[Judgements | Questions]) -> WordEvaluation:
    """Measure word vectors on collections of judgements and of questions."""
    agreements = tuple(agreement(vectors, one) for one in collections if isinstance(one, Judgements))
    return WordEvaluation(agreements, {one.name: answers(vectors, one) for one in collections if isinstance(one, Questions)})
