"""Reads the articles of the 16 laws and splits them into seen, dev and test."""

import gzip
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

LAWS_FILE = Path(__file__).with_name("statutes-16.jsonl.gz")
ASSETS = Path(__file__).parents[2] / "src" / "loralab" / "demo" / "assets"

DEPARTMENTS: dict[str, tuple[str, ...]] = {
    "民商法": ("民法典", "公司法", "消费者权益保护法", "著作权法"),
    "刑法": ("刑法",),
    "诉讼法": ("民事诉讼法", "刑事诉讼法", "行政诉讼法"),
    "社会法": ("劳动合同法", "社会保险法", "未成年人保护法"),
    "行政法": ("道路交通安全法", "治安管理处罚法", "食品安全法", "环境保护法", "个人信息保护法"),
}

GRAM_CHARACTERS = 8
MAX_OVERLAP = 0.3
MIN_CHARACTERS, MAX_CHARACTERS = 20, 260
HELD_OUT_PER_LAW = 10
"""Articles of each law in the test split, and again in the dev split."""


@dataclass(frozen=True)
class Article:
    """One article: `law` is the full title, `number` and `sub` are N and M of 第N条之M (sub 0: none)."""

    law: str
    number: int
    sub: int
    text: str
    version_date: str

    @property
    def order(self) -> str:
        """A fixed pseudo-random sort key, the same on every machine."""
        return hashlib.sha1(f"{self.law}|{self.number}|{self.sub}".encode()).hexdigest()


@dataclass(frozen=True)
class Split:
    """`seen` may be used for any training; `dev` and `test` for none, not even the tokenizer's."""

    seen: list[Article]
    dev: list[Article]
    test: list[Article]


def short_names() -> list[str]:
    """Returns the 16 laws without 中华人民共和国, grouped by department."""
    return [short for shorts in DEPARTMENTS.values() for short in shorts]


def full_name(short: str) -> str:
    """Returns the title as the statutes print it."""
    return "中华人民共和国" + short


def departments() -> dict[str, str]:
    """Returns full title -> department."""
    return {full_name(short): name for name, shorts in DEPARTMENTS.items() for short in shorts}


def read_articles(path: Path = LAWS_FILE) -> list[Article]:
    """Returns all articles of the 16 laws, in the order of each law."""
    rows = (json.loads(line) for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines())
    return [
        Article(row["law"], row["article"], row["article_sub"], row["text"], row["version_date"])
        for row in rows
    ]


def grams(text: str) -> set[str]:
    """Returns the distinct character n-grams of the text, white space dropped."""
    packed = "".join(text.split())
    return {packed[i : i + GRAM_CHARACTERS] for i in range(len(packed) - GRAM_CHARACTERS + 1)}


def names_its_law(article: Article) -> bool:
    """Tells whether the text gives the answer away."""
    short = article.law.removeprefix("中华人民共和国")
    return article.law in article.text or f"《{short}" in article.text


def split(articles: list[Article]) -> Split:
    """Splits by law: the first eligible articles in hash order are test, the next dev, the rest seen.

    Eligible: MIN..MAX_CHARACTERS long, does not name its law, and at most MAX_OVERLAP of its
    8-grams occur in ANY other article of the 16 laws. Being judged against all others, a test
    article has no near-duplicate in seen or dev however the rest is split.
    """
    counts = Counter(gram for article in articles for gram in grams(article.text))

    def eligible(article: Article) -> bool:
        own = grams(article.text)
        if not MIN_CHARACTERS <= len(article.text) <= MAX_CHARACTERS or names_its_law(article):
            return False
        return sum(counts[gram] > 1 for gram in own) <= MAX_OVERLAP * len(own)

    test, dev = [], []
    for law in departments():
        chosen = sorted((a for a in articles if a.law == law and eligible(a)), key=lambda a: a.order)
        test += chosen[:HELD_OUT_PER_LAW]
        dev += chosen[HELD_OUT_PER_LAW : 2 * HELD_OUT_PER_LAW]
    held_out = {*test, *dev}
    seen = [a for a in articles if a not in held_out]
    return Split(seen, mixed(dev), mixed(test))


def mixed(articles: list[Article]) -> list[Article]:
    """Returns the articles in an order in which no law comes first (low hashes are mostly long laws')."""
    return sorted(articles, key=lambda article: article.order[::-1])
