"""A text in, the articles of statutes that it cites out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from loralab.evaluate.citation import grammar
from loralab.evaluate.citation.names import LAW_ENDS, canonical, is_law
from loralab.evaluate.citation.numerals import is_blank, parse
from loralab.evaluate.citation.plain import plain
from loralab.evaluate.citation.table import STATE, short_names

Key = tuple[str, int, int]
LONGEST_NAME = 40
LONGEST_QUOTE = 3000  # characters


@dataclass(frozen=True, slots=True)
class Citation:
    """An article that a text cites.

    `law` is its canonical name, `sub` the N of 之N or 0; `paragraphs` (款) and `items` (项) are those named with it
    and are no part of the key. `inherited`: the law was named earlier, not with this article. `quoted`: a
    cross-reference within the quoted text of a statute, which its author did not choose.
    """

    law: str
    article: int
    sub: int = 0
    paragraphs: tuple[int, ...] = ()
    items: tuple[int, ...] = ()
    inherited: bool = False
    quoted: bool = False

    @property
    def key(self) -> Key:
        """What makes two citations the same: law, article, N of 之N."""
        return self.law, self.article, self.sub


@dataclass(frozen=True, slots=True)
class Extraction:
    """The citations of a text in their order, and what looks like one but is none.

    `placeholders` counts 第X条 and the like, `clauses` articles of contracts and other documents that are no law,
    `without_law` articles of which no law is named. `laws` are all laws named, with an article or without.
    """

    citations: tuple[Citation, ...]
    laws: frozenset[str]
    placeholders: int = 0
    clauses: int = 0
    without_law: int = 0

    @property
    def keys(self) -> frozenset[Key]:
        """The articles cited, each once; cross-references within quoted text are left out."""
        return frozenset(c.key for c in self.citations if not c.quoted)


def extract(text: str, default_law: str | None = None) -> Extraction:
    """The citations of a text; `default_law` is that of articles before any law is named.

    A range (第五条至第八条) counts as its two ends. A law is carried over to the articles that follow it, and 本法
    or 该法 mean the law named last. Articles of a contract, 第3条 where no law was named, and placeholders are
    counted but are no citations.
    """
    scan = _Scan(plain(text), canonical(default_law) if default_law else None)
    scan.run()
    return Extraction(
        tuple(scan.found), frozenset(scan.laws), scan.placeholders, scan.clauses, scan.without_law
    )


@dataclass(slots=True)
class _Scan:
    """One pass over a text: `law` is the one in force, `end` where the last law or article ended."""

    text: str
    law: str | None
    end: int = 0
    found: list[Citation] = field(default_factory=list)
    laws: set[str] = field(default_factory=set)
    placeholders: int = 0
    clauses: int = 0
    without_law: int = 0
    named_at: int = -1  # where the law in force was named with the article at hand
    clause_until: int = -1  # articles before this place are those of a document that is no law
    chain: str = ""  # what the last article was, for the list that it may begin
    quote_until: int = -1
    law_outside: str | None = None
    stated_until: int = -1

    def run(self) -> None:
        """Read the text from its beginning to its end."""
        while match := grammar.START.search(self.text, self.end):
            at = match.start()
            if not self._take(at):
                self._skip(at)

    def _skip(self, at: int) -> None:
        """Go on behind a character that begins nothing; `end` stays where the last token ended."""
        place = at + 1
        while match := grammar.START.search(self.text, place):
            if self._take(match.start()):
                return
            place = match.start() + 1
        self.end = len(self.text)

    def _take(self, at: int) -> bool:
        """Read what begins at a place; False if nothing does."""
        if self.quote_until >= 0 and at >= self.quote_until:
            self.law, self.quote_until = self.law_outside, -1
        match self.text[at]:
            case "第":
                return self._article(at) or self._placeholder(at)
            case "《":
                return self._title(at)
            case "关":
                return self._about(at)
            case _:
                return self._bare_name(at)

    # laws

    def _title(self, at: int) -> bool:
        match = grammar.TITLE.match(self.text, at)
        if not match:
            return False
        if (
            self.law and match[1] in LAW_ENDS and self.law.endswith(match[1])
        ):  # 《条例》 for the one named before
            self._name(self.law, match.end())
        elif is_law(match[1]):
            self._name(self._foreign(at) + canonical(match[1]), match.end())
        else:
            self.end = match.end()
            if grammar.ARTICLE.match(self.text, self._behind(match.end())):
                self._enter_clause(match.end())
        return True

    def _about(self, at: int) -> bool:
        match = grammar.ABOUT.match(self.text, at)
        if match:
            self._name(canonical(match[0]), match.end())
        return match is not None

    def _bare_name(self, at: int) -> bool:
        match = grammar.LAW_END.match(self.text, at)
        assert match
        for end in dict.fromkeys((match.end(), at + 1)):
            for stop in (end + len(m[0]) if (m := grammar.EXTENSION.match(self.text, end)) else end, end):
                name = self._known_before(stop, end)
                if name and self._is_cited(name, stop):
                    return self._mention(self._foreign(stop - len(name)) + canonical(name), stop, at)
        return False

    def _mention(self, law: str, stop: int, at: int) -> bool:
        """Take a law named without brackets; within the text of an article only if it is cited with one."""
        behind = self._behind(stop)
        articles = (grammar.ARTICLE, grammar.BARE_ARTICLE, grammar.PLACEHOLDER)
        if at < self.stated_until and not any(article.match(self.text, behind) for article in articles):
            self.laws.add(law)
            return False
        self._name(law, stop)
        return True

    def _known_before(self, stop: int, end: int) -> str | None:
        """The longest known name that ends at `stop`, or at `end` with an extension behind it."""
        names = short_names()
        window = self.text[max(self.end, end - LONGEST_NAME) : stop]
        tail = stop - end
        for begin in range(len(window) - tail - 1):
            name = window[begin:]
            if name in names or (tail and name[: len(name) - tail] in names and canonical(name) not in names):
                return name
        return None

    def _is_cited(self, name: str, stop: int) -> bool:
        start = stop - len(name)
        before = self.text[max(0, start - 12) : start].removesuffix(STATE)
        if before and before[-1] in grammar.NOT_BEFORE.get(name, ""):
            return False
        if grammar.NOT_BEHIND.match(self.text, stop):
            return False
        return bool(
            grammar.CITED_BEHIND.match(self.text, stop)
            or grammar.CITED_BEFORE.search(before)
            or grammar.BARE_ARTICLE.match(self.text, self._behind(stop))
        )

    def _foreign(self, start: int) -> str:
        """The country whose law it is, if that stands before the name."""
        match = grammar.FOREIGN.search(self.text[max(self.end, start - 8) : start])
        return match[1] if match else ""

    def _behind(self, end: int) -> int:
        match = grammar.AFTER_LAW.match(self.text, end)
        assert match
        return match.end()

    def _name(self, law: str, end: int) -> None:
        self.law, self.end, self.named_at, self.clause_until, self.chain = law, end, end, -1, ""
        self.laws.add(law)
        match = grammar.BARE_ARTICLE.match(self.text, self._behind(end))
        if match and (match[1][0].isdigit() or parse(self._first(match[1])) >= 10):
            self._cite(match, "cited")

    @staticmethod
    def _first(numbers: str) -> str:
        match = re.match(grammar.NUMBER, numbers)
        assert match
        return match[0]

    # articles

    def _article(self, at: int) -> bool:
        match = grammar.ARTICLE.match(self.text, at)
        if not match or is_blank(self._first(match[1])):
            return False
        self._cite(match, self._kind(self.text[max(self.end, at - 60) : at], at))
        return True

    def _kind(self, gap: str, at: int) -> str:
        """What an article is, by the words between the last token and it: cited, quoted or a clause."""
        joined = grammar.AFTER_ARTICLE.fullmatch(gap) is not None
        if self.chain and (joined or not gap.strip()):
            return self.chain
        if grammar.NOT_A_LAW.search(gap) and not (
            self.named_at == self.end and grammar.OF_LAW.fullmatch(gap)
        ):
            self._enter_clause(at)
            return "clause"
        same = grammar.SAME_LAW.search(gap)
        if same:
            self.clause_until = -1
            return "quoted" if self._in_quote(at) or (same[1] == "本" and at < self.stated_until) else "cited"
        self._unknown_name(gap, at)
        if at < self.clause_until:
            return "clause"
        return "quoted" if self._in_quote(at) else "cited"

    def _in_quote(self, at: int) -> bool:
        return at < self.quote_until

    def _unknown_name(self, gap: str, at: int) -> None:
        """Take the words right before an article for its law if they are a name of one: 工伤保险条例第十四条."""
        gap = gap.replace(STATE, "")
        about = grammar.ABOUT_LAW.search(gap)
        match = about or grammar.NAMED_LAW.search(gap)
        if not match:
            return
        name = match[1] if about else grammar.CUES.split(match[1])[-1]
        if len(name) < 3 or grammar.NO_NAME.search(name):
            return
        self.law, self.named_at, self.clause_until = canonical(name + (match[2] or "")), at, -1
        self.laws.add(self.law)

    def _enter_clause(self, at: int) -> None:
        match = grammar.SENTENCE_END.search(self.text, at)
        self.clause_until = match.start() if match else len(self.text)

    def _cite(self, match: re.Match[str], kind: str) -> None:
        """Record the articles of a match, then those that go on its list without 第."""
        while True:
            self._record(match, kind)
            self.end, self.chain = match.end(), kind
            if kind == "cited":
                self._look_for_text()
            gap = grammar.AFTER_ARTICLE.match(self.text, self.end)
            more = grammar.BARE_ARTICLE.match(self.text, gap.end()) if gap else None
            if not more:
                return
            match = more

    def _record(self, match: re.Match[str], kind: str) -> None:
        numbers = list(_numbers(match))
        if kind == "clause":
            self.clauses += len(numbers)
        elif self.law is None:
            self.without_law += len(numbers)
        else:
            paragraphs, items = _parts(match[4])
            inherited = self.named_at < 0 or bool(
                self.text[self.named_at : match.start()].strip("\"'”’」』第 ")
            )
            self.laws.add(self.law)
            self.found += [
                Citation(self.law, article, sub, paragraphs, items, inherited, kind == "quoted")
                for article, sub in numbers
            ]

    def _look_for_text(self) -> None:
        """Note where the text of the article just cited stands: in quotes, or up to the end of the line."""
        if self.quote_until >= 0:
            return
        quote = grammar.QUOTE.match(self.text, self.end)
        if quote:
            until = _closing(self.text, quote.end(), quote[1])
            if until is not None:
                self.quote_until, self.law_outside = until, self.law
                return
        if grammar.STATED.match(self.text, self.end):
            line = self.text.find("\n", self.end)
            self.stated_until = len(self.text) if line < 0 else line

    def _placeholder(self, at: int) -> bool:
        match = grammar.PLACEHOLDER.match(self.text, at) or grammar.ARTICLE.match(self.text, at)
        if not match:
            return False
        if grammar.NOT_A_LAW.search(self.text[max(self.end, at - 20) : at]):
            self.clauses += 1
        else:
            self.placeholders += 1
        self.end, self.chain = match.end(), ""
        return True


def _closing(text: str, start: int, opener: str) -> int | None:
    """Where a quotation ends that has begun before `start`; None if it does not end soon."""
    closer, depth = grammar.CLOSERS[opener], 1
    for place in range(start, min(len(text), start + LONGEST_QUOTE)):
        if text[place] == closer:
            depth -= 1
        elif text[place] == opener:
            depth += 1
        if not depth:
            return place
    return None


def _numbers(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """(article, N of 之N) of each number before and behind 条."""
    ones = list(grammar.ONE.finditer(match[1]))
    pairs: list[tuple[int, int]] = []
    for index, one in enumerate(ones):
        number, sub = parse(one[3]), parse(one[4]) if one[4] else 0
        follower = ones[index + 1] if index + 1 < len(ones) else None
        if _is_ordinal(one, follower, number):
            continue
        if pairs and _is_sub(one, number, pairs[-1][0]):
            pairs[-1] = (pairs[-1][0], number)
        else:
            pairs.append((number, sub))
    if match[2]:
        article = pairs[-1][0]
        pairs[-1] = (article, parse(match[2]))
        pairs += [(article, parse(more[1])) for more in grammar.ONE_SUB.finditer(match[3] or "")]
    yield from pairs


def _is_ordinal(one: re.Match[str], follower: re.Match[str] | None, number: int) -> bool:
    """Whether it is the 一 of 第一、第五百条: the number of a point, not of an article."""
    return bool(
        follower and follower[2] and number < 10 and not one[3].isdigit() and follower[1].strip() in "、,"
    )


def _is_sub(one: re.Match[str], number: int, before: int) -> bool:
    """Whether it is the 1 of 第133-1条, which is 第133条之一."""
    return bool(one[1] and one[1].strip() in ("-", "–") and not one[2] and number < before and number < 20)


def _parts(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The numbers of paragraphs and of items."""
    found = [(parse(part[1]), part[2]) for part in grammar.ONE_PART.finditer(text)]
    return tuple(n for n, kind in found if kind == "款"), tuple(n for n, kind in found if kind == "项")
