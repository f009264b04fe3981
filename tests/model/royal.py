"""A toy text in which rank, sex and age are said by the company that a word keeps."""

import numpy as np

PEOPLE = {
    "king": ("royal", "he", "old"),
    "queen": ("royal", "she", "old"),
    "man": ("common", "he", "old"),
    "woman": ("common", "she", "old"),
    "prince": ("royal", "he", "young"),
    "princess": ("royal", "she", "young"),
    "boy": ("common", "he", "young"),
    "girl": ("common", "she", "young"),
}
COMPANY = {
    "royal": ("crown", "throne", "palace"),
    "common": ("field", "market", "village"),
    "he": ("his", "beard", "himself"),
    "she": ("her", "dress", "herself"),
    "old": ("grey", "slow", "wise"),
    "young": ("school", "toys", "fast"),
}
ANALOGIES = (
    ("man", "king", "woman", "queen"),
    ("boy", "prince", "girl", "princess"),
    ("king", "queen", "prince", "princess"),
    ("man", "woman", "boy", "girl"),
)


def royal_texts(sentences: int, seed: int) -> list[str]:
    """Sentences of one person among words of its rank, sex and age."""
    rng = np.random.default_rng(seed)
    names = list(PEOPLE)
    texts = []
    for _ in range(sentences):
        name = names[rng.integers(len(names))]
        words = [str(rng.choice(COMPANY[trait])) for trait in PEOPLE[name]]
        words = [words[i] for i in rng.permutation(3)]
        texts.append(" ".join([*words[:2], name, *words[2:]]))
    return texts
