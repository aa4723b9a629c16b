"""An answer in, where it holds a placeholder, a refusal, markup or wrongly decoded characters out.

Each function is asked about every row, so a cheap look for characters that are rare in good text comes first.
"""

from __future__ import annotations

import re

HEAD = 60
"""Characters of an answer in which a refusal counts: further on it is one reservation among others."""

_BLANK = r"[XxＸ×＊*]{1,4}|某{1,2}|[_＿]{1,9}|…{1,9}|[【（(\[]\s{0,9}[】）)\]]|\s{2,9}"
_ASKED = r"(?:请|待|此处|插入|填写|具体)"
_FIELD = r"(?:全名|姓名|名称|日期|地址|号码|金额|编号|电话)"
_PLACEHOLDER = re.compile(
    rf"第\s?(?:{_BLANK})\s?[条章款编]"
    r"|《[^《》\n]{0,8}(?:[XxＸ]{2,}|×{2,})[^《》\n]{0,16}》|《某{1,2}(?:法|条例|规定|办法|解释)》"
    r"|(?<![0-9A-Za-z])[XxＸ]{3,}(?![0-9A-Za-z.])"
    r"|(?<=[^\n_])_{3,}|(?<!_)_{3,}+(?=[^\n_])|＿{2,}"
    rf"|【\s*】|【{_ASKED}[^【】\n]{{0,24}}】"
    rf"|\[(?:{_ASKED}|[您你]的|{_FIELD}|当事人)[^\[\]\n]{{0,24}}\](?!\()"
    rf"|\[[^\[\]\n]{{1,10}}的(?:身份证)?{_FIELD}\](?!\()"
    r"|\[(?i:insert|your|fill in|placeholder|enter)\b[^\[\]\n]{0,40}\](?!\()|\{\{[^{}\n]{1,40}\}\}"
    r"|\b(?:TODO|TBD|FIXME)\b|[Ll]orem ipsum"  # looked for in answers: marks of a template nobody filled in
)
# what any placeholder has one of, so that most answers need no closer look; TODO and the like are searched for
_RARE = re.compile("[XxＸ×＊*_＿【\\[{某…]|第[\\s（(]|TODO|TBD|FIXME|orem ipsum")

_SORRY = r"(?:抱歉|对不起|遗憾|不好意思)[，,]?"
_UNABLE = r"(?:无法|不能|没有?办法|不便)"
_SAY = r"(?:提供|回答|给出|解答|协助|满足|回复|答复|推理)"
_TO_YOU = r"(?:直接|准确|具体|对此|就此|(?:为|给|向)[您你])*"
_REFUSES = re.compile(
    rf"{_SORRY}[^。！？!?\n]{{0,24}}?我[^，。！？!?\n]{{0,6}}?(?:{_UNABLE}|不(?:太|是很)?(?:明白|理解|清楚)|需要更多)"
    rf"|{_SORRY}[^。！？!?\n]{{0,24}}?{_UNABLE}{_TO_YOU}{_SAY}"
    rf"|{_SORRY}\s*[您你]的?(?:问题|描述|信息|提问)[^，。！？!?\n]{{0,4}}[不没缺]"
    rf"|我(?:暂时|目前|现在|们|也|就)?{_UNABLE}{_TO_YOU}{_SAY}"
    r"|\b[Ss]orry\b[^.!?\n]{0,20}\b(?:can(?:['’]|no)t|can not|unable|not able)"
    r"|\bI (?:can(?:['’]|no)t|can not|am unable to|am not able to) (?:provide|answer|help|assist|fulfill|comply|give)"
)
_UNWILLING = re.compile("抱歉|对不起|遗憾|不好意思|无法|不能|不便|没有?办法|[Ss]orry|I ")

_MODEL = r"(?:AI|(?:大型?)?语言|人工智能)(?:大|型|语言|智能|法律|聊天)*(?:模型|助手|助理|机器人|系统|程序)"
_SPEAKS_AS_MODEL = re.compile(
    rf"(?:作为|我(?:只|仅|仅仅)?是)(?:一[个名款位种])?[^，。！？,.!?\n]{{0,6}}?(?:{_MODEL}|(?:AI|人工智能)[，,])"
    r"|(?:\b[Aa]s|\bI(?:['’]m| am)(?: just| only)?) an? (?:AI\b|artificial intelligence|(?:large )?language model)"
)

_TAGS = "a|b|br|center|code|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|script|span|strong|style|table|tbody|td|th|tr|u|ul"
_NAMES = "nbsp|lt|gt|amp|quot|apos|[lr]dquo|hellip|mdash|middot"
_MARKUP = re.compile(
    rf"</?(?i:{_TAGS})(?:\s[^<>\n]*)?/?>|&(?:{_NAMES}|\#\d+|\#x[0-9a-fA-F]+);"
)  # tags of a page alone: <中华人民共和国民法典> is no tag

_LATER = "\x80-\xbf\u0152-\u0178\u02c6\u02dc\u2013-\u203a\u20ac\u2122"  # bytes 80 to BF, as Latin-1 or Windows-1252
_MOJIBAKE = re.compile(
    f"\ufffd|锟斤拷|烫烫烫|屯屯屯|[ÃÂ][\x80-\xbf]|â[\x80€]|ï¼|(?:[ä-é][{_LATER}]{{2}}){{2}}|[锛銆][^锛銆]{{0,40}}[锛銆]"
)
_ODD = re.compile("[<&\ufffd锟烫屯锛銆ÃÂâïä-é]")

_ONE_WORD = re.compile(r"\W*(?:[A-Za-z0-9'’.-]+|\w{1,4})\W*")


def placeholder(answer: str) -> re.Match[str] | None:
    """A blank that was never filled in: 第X条, 《XX法》, XXX, ____, 【】, [姓名], [insert ...], TODO.

    What courts hide is none: 张某, 某公司, XX公司, ×××; nor is a size (XXL), a hidden number (2016XXX) or a link.
    """
    return _PLACEHOLDER.search(answer) if _RARE.search(answer) else None


def refusal(answer: str) -> re.Match[str] | None:
    """A refusal, or that the question is not understood, at the beginning; "as an AI model" anywhere."""
    found = _REFUSES.search(answer, 0, HEAD) if _UNWILLING.search(answer, 0, HEAD) else None
    if not found and (
        "AI" in answer or "人工智能" in answer or "语言模型" in answer or "language model" in answer
    ):
        return _SPEAKS_AS_MODEL.search(answer)
    return found


def is_odd(text: str) -> bool:
    """Whether `markup` or `mojibake` may find something."""
    return _ODD.search(text) is not None


def markup(text: str) -> re.Match[str] | None:
    """An HTML tag, or a character written as an entity."""
    return _MARKUP.search(text)


def mojibake(text: str) -> re.Match[str] | None:
    """Characters of text that was decoded as what it is not: UTF-8 as GBK or Latin-1, GBK as UTF-8; and U+FFFD."""
    return _MOJIBAKE.search(text)


def is_one_word(text: str) -> bool:
    """Whether a text is one English word or number, or up to four Chinese characters, and marks."""
    return _ONE_WORD.fullmatch(text) is not None
