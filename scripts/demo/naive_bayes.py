"""Tells an article's law from its character bigrams: the reference any model must be read against."""

import math
from collections import Counter

from .corpus import Article


def bigrams(text: str) -> list[str]:
    """Returns the pairs of neighbouring characters, white space dropped."""
    packed = "".join(text.split())
    return [packed[i : i + 2] for i in range(len(packed) - 1)]


class NaiveBayes:
    """A multinomial naive Bayes with a uniform prior over laws and additive smoothing."""

    def __init__(self, articles: list[Article], smoothing: float) -> None:
        self.counts: dict[str, Counter[str]] = {}
        for article in articles:
            self.counts.setdefault(article.law, Counter()).update(bigrams(article.text))
        self.smoothing = smoothing
        self.vocabulary = {gram for counts in self.counts.values() for gram in counts}
        self.totals = {
            law: counts.total() + smoothing * len(self.vocabulary) for law, counts in self.counts.items()
        }

    def score(self, text: str, law: str) -> float:
        """Returns the log-likelihood of the text's known bigrams under the law."""
        counts, total = self.counts[law], self.totals[law]
        known = (gram for gram in bigrams(text) if gram in self.vocabulary)
        return sum(math.log((counts[gram] + self.smoothing) / total) for gram in known)

    def law_of(self, text: str) -> str:
        """Returns the likeliest law."""
        return max(self.counts, key=lambda law: self.score(text, law))

    def accuracy(self, articles: list[Article]) -> float:
        """Returns the share of articles whose law is told right."""
        return sum(self.law_of(a.text) == a.law for a in articles) / len(articles)
