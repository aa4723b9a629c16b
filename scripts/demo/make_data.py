"""Writes train, dev and test rows ("which law is this article from?") and what simple answers score."""

import json
from collections import Counter
from itertools import zip_longest

from .corpus import (
    ASSETS,
    GRAM_CHARACTERS,
    HELD_OUT_PER_LAW,
    MAX_CHARACTERS,
    MAX_OVERLAP,
    MIN_CHARACTERS,
    Article,
    Split,
    departments,
    grams,
    names_its_law,
    read_articles,
    split,
)
from .facts import update_facts
from .naive_bayes import NaiveBayes

TRAIN_ROWS = 800
SMOOTHINGS = (1.0, 0.3, 0.1, 0.03, 0.01)
SYSTEM = "你是一个法律专家，请根据用户的问题给出专业的回答。"
WORDINGS = (
    "下面的条文出自哪部法律？属于哪个法律部门？\n{text}",
    "{text}\n请问这一条出自哪部法律，属于哪个法律部门？",
    "请判断下列条文的出处和所属法律部门：\n{text}",
)
PROVES = {
    "zh": (
        "本演示说明：LoRA微调解锁了回答的格式（先写法律名称，再写部门，然后停止），并教会了“法律→部门”的对应。"
        "认出条文出自哪部法律的能力来自预训练，不是LoRA教的：微调之前，多数回答里已经夹着正确的法律名称，只是不成答案。"
        "它证明的是工具可用，不是小模型有多强：旁边列出的字二元朴素贝叶斯就是参照。"
    ),
    "en": (
        "What the demo shows: LoRA unlocks the form of the answer (law, department, stop) and teaches "
        "law -> department, which pre-training never saw. Recognising the law itself comes from pre-training "
        "on other articles of the same 16 laws: before LoRA most replies already hold the right name, amid "
        "text that answers nothing. It shows that the tool works, not what tiny models can do: "
        "read the score beside the character-bigram naive Bayes."
    ),
}
DEPARTMENTS_NOTE = "A simplified teaching table, not an official classification."


def clip(text: str) -> str:
    """Returns the text up to its last sentence end within MAX_CHARACTERS."""
    if len(text) <= MAX_CHARACTERS:
        return text
    head = text[:MAX_CHARACTERS]
    end = max(head.rfind(mark) for mark in "。；\n：")
    return head[: end + 1].strip() if end >= MIN_CHARACTERS else head


def row(article: Article) -> dict[str, str]:
    """Returns one row; the wording is drawn by the article's hash."""
    question = WORDINGS[int(article.order, 16) % len(WORDINGS)].format(text=clip(article.text))
    return {"input": question, "output": answer(article.law)}


def answer(law: str) -> str:
    """Returns the one right answer."""
    return f"该条文出自《{law}》，属于{departments()[law]}。"


def train_articles(seen: list[Article]) -> list[Article]:
    """Returns TRAIN_ROWS seen articles in turn over the laws; repeated texts and give-aways left out."""
    repeats = Counter(clip(a.text) for a in seen)
    usable = [
        a
        for a in sorted(seen, key=lambda a: a.order)
        if len(a.text) >= MIN_CHARACTERS and not names_its_law(a) and repeats[clip(a.text)] == 1
    ]
    by_law = [[a for a in usable if a.law == law] for law in departments()]
    turns = [a for turn in zip_longest(*by_law) for a in turn if a is not None]
    return sorted(turns[:TRAIN_ROWS], key=lambda a: a.order)


def largest_overlap(held_out: list[Article], training: list[Article]) -> float:
    """Returns the largest share of a held-out article's 8-grams that occurs anywhere in training."""
    known = {gram for article in training for gram in grams(article.text)}
    return max(len(grams(a.text) & known) / len(grams(a.text)) for a in held_out)


def floors(test: list[Article]) -> dict[str, float]:
    """Returns the accuracy of always giving the commonest law, and the commonest department."""
    laws = Counter(a.law for a in test)
    parts = Counter(departments()[a.law] for a in test)
    return {
        "law_always_commonest": round(max(laws.values()) / len(test), 4),
        "department_always_commonest": round(max(parts.values()) / len(test), 4),
    }


def naive_bayes_figures(parts: Split, training: list[Article]) -> dict[str, object]:
    """Returns test accuracy on the law from the LoRA rows and from all seen text; smoothing chosen on dev."""
    figures: dict[str, object] = {"features": "character bigrams, uniform law prior"}
    for name, articles in (("lora_rows", training), ("all_seen_articles", parts.seen)):
        scores = {alpha: NaiveBayes(articles, alpha).accuracy(parts.dev) for alpha in SMOOTHINGS}
        alpha = max(scores, key=lambda a: scores[a])
        figures[f"trained_on_{name}"] = {
            "smoothing": alpha,
            "dev_law": round(scores[alpha], 4),
            "test_law": round(NaiveBayes(articles, alpha).accuracy(parts.test), 4),
        }
    return figures


def data_facts(parts: Split, training: list[Article]) -> dict[str, object]:
    """Returns the counts and rules of the split."""
    return {
        "rows": {"train": len(training), "dev": len(parts.dev), "test": len(parts.test)},
        "seen_articles": len(parts.seen),
        "held_out_per_law": HELD_OUT_PER_LAW,
        "near_duplicate_rule": (
            f"dev and test hold only articles of {MIN_CHARACTERS}-{MAX_CHARACTERS} characters; at most "
            f"{MAX_OVERLAP:.0%} of their character {GRAM_CHARACTERS}-grams occur in any other article"
        ),
        "near_duplicate_threshold": MAX_OVERLAP,
        "largest_overlap_of_test_with_seen": round(largest_overlap(parts.test, parts.seen), 4),
        "largest_overlap_of_dev_with_seen": round(largest_overlap(parts.dev, parts.seen), 4),
        "split": "sha1 of law|article|article_sub, the same number of articles of each law",
        "system": SYSTEM,
    }


def main() -> None:
    """Writes the three data files and their sections of facts.json."""
    articles = read_articles()
    parts = split(articles)
    files = {"train": train_articles(parts.seen), "dev": parts.dev, "test": parts.test}
    for name, chosen in files.items():
        lines = (json.dumps(row(a), ensure_ascii=False) + "\n" for a in chosen)
        (ASSETS / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    update_facts("proves", PROVES)
    update_facts("departments", departments())
    update_facts("departments_note", DEPARTMENTS_NOTE)
    update_facts("law_version_dates", {a.law: a.version_date for a in articles})
    update_facts("data", data_facts(parts, files["train"]))
    update_facts("floors", floors(parts.test))
    update_facts("naive_bayes", naive_bayes_figures(parts, files["train"]))


if __name__ == "__main__":
    main()
