"""What the doctor finds in texts, what it lets pass, and that it counts every row once."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.shared_data import needs_shared_data, real_files
from loralab.data.doctor import sentences
from loralab.data.doctor.findings import EXAMPLES, Finding, excerpt
from loralab.data.doctor.patterns import is_odd, is_one_word, markup, mojibake, placeholder, refusal
from loralab.data.doctor.sentences import SharedSentences
from loralab.data.doctor.text_faults import TextDoctor
from loralab.words import LANGUAGES, recorded

QUESTION = "房东不退押金怎么办？"
ANSWER = "可以要求房东退还押金；房东拒绝的，可以向人民法院起诉。"


def looked_at(*rows: tuple[str, str]) -> dict[str, Finding]:
    """The findings about rows of (question, answer), by code."""
    doctor = TextDoctor()
    for number, (question, answer) in enumerate(rows):
        doctor.look(number, question, answer)
    return {finding.code: finding for finding in doctor.findings()}


def answers(*texts: str) -> dict[str, Finding]:
    return looked_at(*((QUESTION, text) for text in texts))


def ordinary(number: int) -> list[str]:
    """Answers without fault, all different."""
    return [f"第{i}种情形下，{'出租人应当退还押金，' * (1 + i % 3)}承租人可以起诉。" for i in range(number)]


# ------------------------------------------------------------------------------------------- patterns


@pytest.mark.parametrize(
    "text",
    [
        "根据《合同法》第X条规定", "依照第×条", "参见第XX条第二款", "第某条规定", "第__条", "第【】条", "第（ ）条", "第  条",
        "根据《XX法》的规定", "《××条例》", "《某法》第三条", "共计XXXX元", "签字：______", "【】", "【请填写姓名】", "[插入姓名]",
        "[您的姓名]", "本人[授权人的全名]", "Dear [insert name here],", "[Your Name]", "{{name}}", "TODO: 补充依据", "Lorem ipsum dolor",
    ],
)  # fmt: skip
def test_a_placeholder(text: str) -> None:
    assert placeholder(f"答：{text}，依法处理。")


@pytest.mark.parametrize(
    "text",
    [
        "张某与李某某在某某公司门口", "某法院认为某条款无效", "被告人×××", "判处一年以下××", "XX公司与何xx", "尺码为XXL", "手机尾号2016XXX",
        "见 https://xxx.com", "《某市出租车客运管理办法》", "第一条至第十条", "一、第 2 条", "……", "第……项以外", "[1]", "[法条]", "[链接](a.com)",
        "[您的权利](a.com)", "【案件事实】", "- [ ] 待办", "上文\n______\n下文", "Max Weber fixed it", "10 × 3 = 30", "snake_case", "{}",
    ],
)  # fmt: skip
def test_no_placeholder(text: str) -> None:
    assert not placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "很抱歉，我无法回答这个问题。", "抱歉，作为一个虚拟AI助手，我无法查询。", "作为一名AI语言模型，我不能推理。", "首先，我是一个人工智能语言模型。",
        "作为人工智能，我没有立场。", "很抱歉，您的问题不太清楚。", "很抱歉，我不太明白你的问题。", "对不起，根据现有信息，无法给出答案。",
        "我不能为您提供具体的税务建议。", "As an AI language model, I have no view.", "I'm sorry, but I can't help with that.",
        "I cannot provide legal advice.", "I am just a large language model.", "I’m an AI.",
    ],
)  # fmt: skip
def test_a_refusal(text: str) -> None:
    assert refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "很抱歉听到您的遭遇，您可以报警。", "非常抱歉您遭受家庭暴力，您不能沉默。", "作为律师，我建议您起诉。", "作为人工智能企业，公司应当备案。",
        "您的请求我无权评价，但不能超过时效。", "遗憾的是，合同已经无法履行。", "法院不能拒绝裁判。", "I can provide an example.",
        "Sorry to hear that. You cannot be evicted.", "经查，AI生成的图片也可能受著作权保护。", "依法处理。" * 20 + "我无法给出具体的时间。",
    ],
)  # fmt: skip
def test_no_refusal(text: str) -> None:
    assert not refusal(text)


@pytest.mark.parametrize(
    "text", ["一<br>二", "<p>一</p>", "一<br/>", '<a href="x">一</a>', "</DIV>", "A&nbsp;B", "&#39;", "&lt;"]
)
def test_markup(text: str) -> None:
    assert is_odd(text) and markup(text)


@pytest.mark.parametrize(
    "text", ["关于适用<中华人民共和国民事诉讼法>的解释", "a < b > c", "A&B公司", "选A<eoa>", "R&D;", "<张三>"]
)
def test_no_markup(text: str) -> None:
    assert not markup(text)


@pytest.mark.parametrize("text", ["押金应当退还", "民法典，第一条。", "It’s a “test”", "é ü 法"])
@pytest.mark.parametrize(
    ("written", "read"), [("utf-8", "latin-1"), ("utf-8", "cp1252"), ("utf-8", "gb18030"), ("gbk", "utf-8")]
)
def test_text_in_the_wrong_encoding(text: str, written: str, read: str) -> None:
    wrong = text.encode(written, "replace").decode(read, "replace")
    if wrong != text and (read != "gb18030" or "，" in text):  # a comma read as GBK is what tells
        assert is_odd(wrong) and mojibake(wrong)


@pytest.mark.parametrize(
    "text",
    ["café São Tomé, naïve Ärger, Ärzte für Öl", "押金“应当”退还……——", "Pokémon è é", "锛子是一种工具"],
)
def test_text_in_the_right_encoding(text: str) -> None:
    assert not mojibake(text)


@given(st.text(max_size=200))
def test_the_first_look_misses_nothing(text: str) -> None:
    assert is_odd(text) or not (markup(text) or mojibake(text))


@pytest.mark.parametrize(
    "unit",
    ["_", "第 ", "【 ", "[", "[您的", "{{a", "<a ", "锛a", "Ã", "抱歉", "作为AI", "《X", "我无法", "a. "],
)
def test_a_text_without_end_takes_no_time_without_end(unit: str) -> None:
    assert answers(unit * 20_000, "\n" + unit * 20_000 + "\n") is not None


# --------------------------------------------------------------------------------------- single rows


def test_good_rows_have_no_finding() -> None:
    assert answers(*ordinary(200)) == {}
    assert TextDoctor().findings() == []


def test_rows_without_an_answer_count_for_nothing_but_their_question() -> None:
    found = looked_at(*[(QUESTION, "")] * 60, ("押金&nbsp;不退", " \n"))
    assert list(found) == ["markup"]
    assert found["markup"].examples[0].number == 60


@pytest.mark.parametrize(
    ("code", "question", "answer"),
    [
        ("placeholder_answer", QUESTION, "根据《合同法》第X条规定，房东应当退还押金。"), ("refusal", QUESTION, "很抱歉，我无法回答这个问题。"),
        ("same_as_question", QUESTION, f" {QUESTION}"), ("inside_question", f"{QUESTION}{ANSWER}对吗？", ANSWER),
        ("repeats_question", f"请问{QUESTION * 2}", f"请问{QUESTION * 2}{ANSWER}"), ("cut_answer", QUESTION, ANSWER[:-4]),
        ("one_word_answer", QUESTION, "可以。"), ("markup", QUESTION, f"{ANSWER}<br>"), ("markup", f"{QUESTION}<br>", ANSWER),
        ("mojibake", QUESTION, f"锟斤拷{ANSWER}"), ("mojibake", f"{QUESTION}\ufffd", ANSWER),
    ],
)  # fmt: skip
def test_one_row_with_a_fault_is_found_among_good_ones(code: str, question: str, answer: str) -> None:
    good = [(QUESTION, text) for text in ordinary(40)]
    found = looked_at(*good[:7], (question, answer), *good[7:])
    assert list(found) == [code]
    assert found[code].count == 1
    assert [example.number for example in found[code].examples] == [7]


def test_a_row_with_a_fault_in_both_texts_counts_once() -> None:
    assert looked_at(("<br>\ufffd", "<br>\ufffd好，依法处理。"))["markup"].count == 1


def test_three_examples_are_the_first_and_all_rows_are_counted() -> None:
    found = answers(*ordinary(3), *["根据第X条规定处理。"] * 9)["placeholder_answer"]
    assert found.count == 9
    assert [example.number for example in found.examples] == [3, 4, 5]
    assert "第X条" in found.words.text()


@pytest.mark.parametrize(
    ("code", "question", "faulty"),
    [
        ("cut_answer", QUESTION, "出租人应当退还押金，承租人可以向人民法院"), ("one_word_answer", QUESTION, "正确"),
        ("inside_question", f"甲问：{ANSWER}对吗？", ANSWER),
    ],
)  # fmt: skip
def test_what_every_fifth_answer_has_is_no_fault_of_one(code: str, question: str, faulty: str) -> None:
    good = [(question, text) for text in ordinary(8)]
    assert looked_at(*good, *[(question, faulty)] * 2)[code].count == 2
    assert code not in looked_at(*good, *[(question, faulty)] * 3)


@pytest.mark.parametrize("text", ["正确", "B。", "可以", "Yes.", "3", "don't", "（A）"])
def test_one_word(text: str) -> None:
    assert is_one_word(text)


@pytest.mark.parametrize("text", ["正确答案是B", "Yes, it is.", "可以起诉房东", ""])
def test_more_than_one_word(text: str) -> None:
    assert not is_one_word(text) or text == ""


@pytest.mark.parametrize("end", ["。", "？", "！", "”", "）", ".", "!", "…", "```", "|", "~"])
def test_marks_that_end_an_answer(end: str) -> None:
    assert "cut_answer" not in answers(*ordinary(9), ANSWER[:-1] + end)


@pytest.mark.parametrize("end", ["", "，", "：", "、", "（", "1", "a", " ="])
def test_ends_of_answers_that_were_cut(end: str) -> None:
    assert answers(*ordinary(9), ANSWER[:-1] + end)["cut_answer"].count == 1


# -------------------------------------------------------------------------------------------- lengths


def test_far_shorter_and_far_longer_answers() -> None:
    usual = [f"{i}，" + "依法处理。" * (20 + i % 10) for i in range(60)]
    found = answers(*usual, "请起诉房东，依法处理。", *["长" * 3000 + "。", "更长" * 3000 + "。"])
    assert (found["short_answer"].count, found["long_answer"].count) == (1, 2)
    assert found["short_answer"].examples[0].text == "11: 请起诉房东，依法处理。"
    assert [(e.number, e.text[:6]) for e in found["long_answer"].examples] == [(62, "6001: "), (61, "3001: ")]


def test_few_answers_and_answers_of_one_length_have_no_outlier() -> None:
    assert not {"short_answer", "long_answer"} & set(answers(*ordinary(48), "长" * 5000 + "。"))
    assert not {"short_answer", "long_answer"} & set(answers(*["ABC"] * 80, *["A"] * 10))


@given(st.lists(st.integers(1, 400), min_size=50, max_size=80))
def test_outliers_are_at_least_three_times_off_the_median(lengths: list[int]) -> None:
    found = answers(*("字" * length for length in lengths))
    median = sorted(lengths)[len(lengths) // 2]
    for code, off in (
        ("short_answer", lambda n: 2 * n < median + 10),
        ("long_answer", lambda n: n > 2 * median),
    ):
        if code in found:
            shown = [int(example.text.partition(":")[0]) for example in found[code].examples]
            assert all(map(off, shown))
            assert len(shown) == min(EXAMPLES, found[code].count)


# ------------------------------------------------------------------------------------------ sentences

GREETING, HOPE = "您好，我是您的法律顾问。", "希望以上回答能对您有所帮助。"


def shared_rows(number: int, others: int) -> list[str]:
    return [
        f"{GREETING}{text}" if i % 2 else f"{text}{HOPE}" for i, text in enumerate(ordinary(number))
    ] + ordinary(others)


def test_sentences_that_many_answers_share() -> None:
    found = answers(*shared_rows(50, 100))["boilerplate"]
    assert found.count == 50
    assert sorted(example.text for example in found.examples) == sorted([f"25 × {GREETING}", f"25 × {HOPE}"])
    assert found.words.values["sentences"] == 2


def test_a_sentence_is_shared_from_twenty_answers_and_one_percent_on() -> None:
    assert "boilerplate" not in answers(*shared_rows(38, 100))
    assert answers(*shared_rows(40, 100))["boilerplate"].count == 40
    assert "boilerplate" not in answers(*shared_rows(40, 2000))


def test_an_answer_of_one_sentence_is_no_boilerplate() -> None:
    assert "boilerplate" not in answers(*[ANSWER] * 100)


def test_english_sentences_end_with_a_point_and_a_space() -> None:
    rows = [f"Case {i} depends on article {i}. I hope this information helps." for i in range(30)]
    assert answers(*rows)["boilerplate"].examples[0].text == "30 × I hope this information helps."


@given(st.lists(st.integers(0, 12), min_size=1, max_size=150), st.integers(0, 30))
def test_frequent_sentences_are_never_forgotten(rows: list[int], copies: int) -> None:
    rows = [0] * copies + rows + [1] * copies
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("_WINDOW", 10), ("SHARE", 0.1), ("AT_LEAST", 1)):
            patch.setattr(sentences, name, value)
        shared = SharedSentences()
        for number, row in enumerate(rows):
            shared.look(number, f"开头的一句话，每行都不一样{number}。" + f"结尾的一句话，属于第{row}种。")
        found = shared.findings()
    counts = Counter(rows)
    frequent = sorted((n for n in counts.values() if n > 0.1 * len(rows)), reverse=True)
    assert (found[0].count if found else 0) == sum(frequent) or len(rows) < 10
    if found and len(rows) >= 10:
        assert [int(e.text.partition(" ")[0]) for e in found[0].examples] == frequent[:EXAMPLES]


def test_a_sentence_that_comes_late_is_counted_whole() -> None:
    late = [text + HOPE for text in ordinary(150)]
    assert answers(*ordinary(5000), *late)["boilerplate"].count == 150


def test_sentences_that_come_once_are_forgotten() -> None:
    shared = SharedSentences()
    for number in range(5000):
        shared.look(number, f"第{number}个问题的回答如下所示。依照第{number}条的规定依法处理。")
    assert len(shared._seen) == 0


# ------------------------------------------------------------------------------------------- findings


def test_findings_can_be_asked_for_at_any_time() -> None:
    doctor = TextDoctor()
    for number, text in enumerate(shared_rows(60, 0)):
        doctor.look(number, QUESTION, text)
    first = doctor.findings()
    assert first == doctor.findings()
    doctor.look(60, QUESTION, "根据《民法典》第X条的规定，依法处理。")
    assert [finding.code for finding in doctor.findings()] == ["placeholder_answer", *(f.code for f in first)]


def test_a_finding_is_a_json_value_with_places_and_words() -> None:
    finding = answers(*ordinary(9), "根据第X条规定处理。")["placeholder_answer"]
    value = json.loads(json.dumps(finding.to_dict(lambda number: f"rows.jsonl:{number + 1}")))
    assert (value["code"], value["count"]) == ("placeholder_answer", 1)
    assert value["examples"] == [{"place": "rows.jsonl:10", "text": "根据第X条规定处理。"}]
    assert [recorded(value).text(language) for language in LANGUAGES] == [
        finding.words.text(language) for language in LANGUAGES
    ]


def test_every_finding_is_said_in_chinese() -> None:
    usual = [f"{GREETING}{'依法处理，' * (20 + i % 5)}第{i}种情形可以起诉。" for i in range(60)]
    found = looked_at(
        *((QUESTION, text) for text in usual), (QUESTION, "第X条。"), (QUESTION, "我无法回答。"), (QUESTION, QUESTION),
        (QUESTION * 2, QUESTION + QUESTION[:4]), (QUESTION * 2, QUESTION * 2 + ANSWER), (QUESTION, ANSWER[:-1]),
        (QUESTION, "是"), (QUESTION, "长<br>" * 999), (QUESTION, "锟斤拷"),
    )  # fmt: skip
    assert len(found) == 12
    for finding in found.values():
        assert re.search(
            "[一-鿿]", finding.words.text("zh").replace(str(finding.words.values.get("text")), "")
        )


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300), st.data())
def test_an_excerpt_is_one_short_line_of_the_text(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    cut = excerpt(text, start, end)
    assert len(cut) <= 82
    assert not re.search("[\x00-\x1f\x7f-\x9f]", cut)


def test_an_excerpt_shows_the_match_and_where_text_is_left_out() -> None:
    text = "前" * 200 + "第X条" + "后" * 200
    assert excerpt(text, 200, 203) == "…" + "前" * 38 + "第X条" + "后" * 39 + "…"
    assert excerpt("第X条", 0, 3) == "第X条"
    assert excerpt(text, 403, 403).endswith("后") and excerpt(text, 0, 0).startswith("前")


# ------------------------------------------------------------------------------------------ real rows


@needs_shared_data
@pytest.mark.parametrize(
    ("name", "placeholders", "refusals", "cut"),
    [
        ("fakao_gpt4", 1, 0, 0),
        ("judical_examination", 320, 2, 19),
        ("legal_advice", 20, 24, 8),
        ("zixun_gpt4", 1, 0, 0),
    ],
)
def test_real_rows_and_what_reading_them_shows(name: str, placeholders: int, refusals: int, cut: int) -> None:
    doctor = TextDoctor()
    for path in real_files(f"lawyer_llama/{name}.*.json"):
        for number, found in enumerate(json.loads(path.read_text("utf-8"))):
            row = found[0] if isinstance(found, list) else found
            answer = row.get("output") or row["response"]
            doctor.look(
                number, row.get("query") or row["instruction" if "instruction" in row else "input"], answer
            )
    counts = {finding.code: finding.count for finding in doctor.findings()}
    expected = {"placeholder_answer": placeholders, "refusal": refusals, "cut_answer": cut}
    assert {code: counts.get(code, 0) for code in expected} == expected
