"""A text as a model writes it in, the same in plain characters out: one width, no marks of layout."""

from __future__ import annotations

import html
import re
import unicodedata

MASKED = re.compile(r"第\s*\*+\s*条")
MARKS = re.compile(r"[*`\\\u200b-\u200f\u2060\ufeff\u00ad]")
THOUSANDS = re.compile(r"(?<=第)(\d),(\d{3})(?=\s*条)")
SPACES = re.compile(r"\s+")  # runs of any length would make the patterns slow
TAG = re.compile(r"</?[A-Za-z][^<>\u4e00-\u9fff]{0,80}>")
ANGLE = re.compile(r"[<〈«]([\u4e00-\u9fff()《》·、 ]{2,80})[>〉»]")
TRADITIONAL = str.maketrans("條項訴訟勞動國華憲處罰稅專險產權選舉監費義務係應實規則釋則於關適審",
                            "条项诉讼劳动国华宪处罚税专险产权选举监费义务系应实规则释则于关适审")  # fmt: skip


def plain(text: str) -> str:
    """The text in which articles are looked for: NFKC, one form of brackets, no emphasis marks, simplified 條 and 項."""
    text = TAG.sub("", html.unescape(text)) if "<" in text or "&" in text else text
    text = MASKED.sub("第X条", THOUSANDS.sub(r"\1\2", text))
    text = unicodedata.normalize("NFKC", MARKS.sub("", text)).translate(TRADITIONAL)
    return ANGLE.sub(r"《\1》", SPACES.sub(_one, text))


def _one(spaces: re.Match[str]) -> str:
    return "\n" if "\n" in spaces[0] else " "
