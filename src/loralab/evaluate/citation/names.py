"""A title as a text writes it in, the name by which citations are compared out."""

from __future__ import annotations

import re
from functools import lru_cache

from loralab.evaluate.citation.plain import plain
from loralab.evaluate.citation.table import STATE, Statute, by_key, short_names

COUNTRIES = (
    "日本", "德国", "法国", "美国", "英国", "韩国", "意大利", "瑞士", "俄罗斯", "苏联", "奥地利", "荷兰", "西班牙", "加拿大", "澳大利亚",
    "印度", "新加坡", "越南", "香港", "澳门", "台湾", "台湾地区", "欧盟", "联合国",
)  # fmt: skip
LAW_ENDS = (
    "法", "法典", "条例", "细则", "通则", "总则", "规则", "准则", "办法", "规定", "解释", "决定", "决议", "意见", "批复", "答复", "通知",
    "纪要", "公约", "条约", "议定书", "宪章", "宣言", "修正案", "标准", "规程", "规范", "目录", "指引", "指导意见", "座谈会纪要",
)  # fmt: skip

BRACKETS = re.compile(r"[\s《》〈〉\"'“”‘’「」『』]")
EDITION = re.compile(r"\((?=[^()]*(?:\d{4}|修正|修订|修改))[^()]*\)")
EDITION_TAIL = re.compile(r"(?:\d{4}年?)?(?:修正|修订|修改)(?:版|本|稿)?$|\d{4}年?版?$")
EDITION_HEAD = re.compile(r"^\d{4}年?(?:修正|修订|修改)?版?的?")
ORGANS = re.compile(
    r"^(?:(?:最高人民法院|最高人民检察院|最高院|最高法|最高检|两高|国务院|公安部|国家安全部|司法部|全国人民代表大会常务委员会|全国人大常委会)[、和]?)+"
    r"(?=关于)"
)
# What may stand before a title: its age, or the branch of law under which collections file it
HEAD = re.compile(
    r"^(?:(?:新|原|旧|老|现行|我国|中国|最新)的?|民法商法|宪法相关法|社会法|经济法|行政法|诉讼与非诉讼程序法)(?=.)"
)
BOOK = re.compile(r"[·、]?(?:第.编)?[\u4e00-\u9fff]{0,6}(?:编|分则|总则)")
READING = re.compile(
    r"([\u4e00-\u9fff]{2,6}编)?(?:若干问题)?的?(?:司法)?解释(?:\((.{1,6})\)|([一二三四五六七八九]))?"
)


@lru_cache(maxsize=4096)
def canonical(title: str) -> str:
    """The key of a law of the table, whatever its writing; of any other title the title without state, organ, brackets and year.

    中华人民共和国民事诉讼法, 《民诉法》 and 《民事诉讼法（2023修正）》 are one name, and so are 民诉法解释 and
    最高人民法院关于适用〈中华人民共和国民事诉讼法〉的解释.
    """
    bare = _bare(title)
    return _known(bare) or _reading(bare) or bare


def _bare(title: str) -> str:
    name = EDITION.sub("", BRACKETS.sub("", plain(title)).replace(STATE, ""))
    name = ORGANS.sub("", EDITION_HEAD.sub("", name))
    return EDITION_TAIL.sub("", name) or name


def _known(name: str) -> str | None:
    """The key of a law or of one of its books, such as 民法典婚姻家庭编."""
    names = short_names()
    newest = name if name in names else HEAD.sub("", name)
    if newest in names:
        return names[newest]
    law, rest = _split(newest)
    return law if law and BOOK.fullmatch(rest) else None


def _reading(name: str) -> str | None:
    """The name of a judicial interpretation of a known law, the same for each of its usual forms."""
    law, rest = _split(name.removeprefix("关于适用"))
    found = READING.fullmatch(rest) if law else None
    if not found:
        return None
    number = found[2] or found[3]
    return f"关于适用{law}{found[1] or ''}的解释" + (f"({number})" if number else "")


def _split(name: str) -> tuple[str | None, str]:
    """The longest known law at the head of a name, with what stands behind it."""
    names = short_names()
    end = next((end for end in range(len(name) - 1, 1, -1) if name[:end] in names), None)
    return (names[name[:end]], name[end:]) if end else (None, name)


def statute(name: str) -> Statute | None:
    """The law of a full title, a short name or a usual abbreviation, with 中华人民共和国 or 《》 or without.

    None if the table has none of that name.
    """
    return by_key().get(canonical(name))


def is_law(title: str) -> bool:
    """Whether the title is of a kind that has articles of law; a contract is not, nor is a book."""
    name = re.sub(r"\([^()]*\)$", "", canonical(title))
    return name in short_names() or name.endswith(LAW_ENDS)


def is_foreign(name: str) -> bool:
    """Whether a name says that the law is of another country or jurisdiction."""
    return name.startswith(COUNTRIES)
