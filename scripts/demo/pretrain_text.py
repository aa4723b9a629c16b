"""Makes the texts the base model is pre-trained on: articles, articles tagged with their law, small talk."""

import random

from .corpus import Article

DIGITS = "零一二三四五六七八九"
GREETINGS = {
    "你好": "你好，有什么可以帮您？",
    "您好": "您好，请问有什么问题？",
    "早上好": "早上好！",
    "谢谢": "不客气。",
    "再见": "再见。",
    "你是谁": "我是一个很小的语言模型。",
    "你会做什么": "我会续写法律条文，也会做简单的算术。",
}


def chinese_number(number: int) -> str:
    """Returns 1..9999 as statutes write it: 10 is 十, 110 is 一百一十, 205 is 二百零五."""
    text, pending_zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            text += ("零" if pending_zero else "") + DIGITS[digit] + name
        pending_zero = bool(text) and not digit
    return text.removeprefix("一") if text.startswith("一十") else text


def article_text(article: Article) -> str:
    """Returns `《law》第N条：text`."""
    sub = f"之{chinese_number(article.sub)}" if article.sub else ""
    return f"《{article.law}》第{chinese_number(article.number)}条{sub}：{article.text}"


def piece_of(rng: random.Random, text: str) -> str:
    """Returns a random run of the text's sentences, 20 to 200 characters (or the whole short text)."""
    starts = [0, *(i + 1 for i, c in enumerate(text[:-20]) if c in "。；\n")]
    start = rng.choice([0, *starts])
    end = start + rng.randint(20, 200)
    return text[start:end].strip()


def tagged_text(rng: random.Random, article: Article) -> tuple[str, str]:
    """Returns a piece of the article with a line end, and `《law》`."""
    return piece_of(rng, article.text) + "\n", f"《{article.law}》"


def chat_text(question: str, answer: str, system: str | None) -> str:
    """Returns a ChatML conversation of one exchange."""
    head = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    return f"{head}<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n"


def dialogue_text(rng: random.Random, articles: list[Article]) -> str:
    """Returns small talk in ChatML: a greeting, a sum, a copy or a continuation; never a law question."""
    kind = rng.choice(("greet", "sum", "copy", "continue"))
    text = rng.choice(articles).text
    if kind == "greet":
        question, answer = rng.choice(list(GREETINGS.items()))
    elif kind == "sum":
        a, b = rng.randint(1, 49), rng.randint(1, 49)
        question, answer = f"{a}加{b}等于几？", f"{a}加{b}等于{a + b}。"
    elif kind == "copy":
        phrase = text[: rng.randint(6, 24)]
        question, answer = f"请重复：{phrase}", phrase
    else:
        middle = min(len(text) // 2, 60)
        question, answer = f"请接着写：{text[:middle]}", text[middle : middle + 80]
    system = rng.choice((None, "You are a helpful assistant.", "你是一个助手。"))
    return chat_text(question, answer, system)
