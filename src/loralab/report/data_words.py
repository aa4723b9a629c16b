"""The fixed words of the data report in, what each of them means out."""

from __future__ import annotations

from loralab.words import Words, say

MEANINGS: dict[str, Words] = {
    # reasons for which a row is dropped
    "bad_json": say("the text is not valid JSON"),
    "bad_encoding": say("the row holds bytes that are no text in the encoding of the file"),
    "bad_unicode": say("the text holds half of a surrogate pair, which no UTF-8 file can store"),
    "duplicate_key": say("a key stands twice in the row, so that one of its values would be lost"),
    "not_an_object": say("the row is not an object with named fields"),
    "missing_field": say("the row lacks a field that its shape needs, or is of no known shape"),
    "wrong_type": say("a field holds something else than the text or the turns that belong there"),
    "ambiguous": say("the row fits several shapes, and which one is meant cannot be told"),
    "empty_question": say("the question holds nothing that can be seen"),
    "empty_answer": say("the answer holds nothing that can be seen"),
    "bad_role": say("a turn is spoken by somebody other than system, user or assistant"),
    "role_order": say("the turns do not come in the order that the chat template allows"),
    "tool_turn": say("the conversation calls tools, which is not trained"),
    "no_answer_turn": say("the conversation has no answer to train on"),
    "special_token_in_text": say("the text holds a token with which the chat template marks turns"),
    "too_long": say("the row has more tokens than data.max_tokens"),
    "no_label_token": say("the question alone fills data.max_tokens: nothing of the answer is left"),
    "duplicate": say("the same question and answer stand in an earlier row (data.on_duplicate: drop)"),
    "overlaps_test": say("the question is also a test or probe question (data.on_overlap: drop)"),
    # repairs
    "bom": say("files that began with a byte order mark, which was left out"),
    "crlf": say("files with Windows line ends, which were read as line ends"),
    "trailing_space": say("rows with white space at the end of a text, which was removed"),
    "unicode_nfc": say("rows with characters that were put into their composed form (Unicode NFC)"),
    "number_to_text": say("rows with a number where text belongs, which was written out"),
    "role_alias": say("rows whose turns name roles in another way, such as human or gpt"),
}

FINDINGS: dict[str, Words] = {
    "placeholder_answer": say(
        "A blank in the answer, such as 第X条, was never filled in: the model learns to write it."
    ),
    "refusal": say("The answer refuses or speaks as a language model: the model learns to do so."),
    "markup": say("The text holds marks of a web page, such as <br> or &nbsp;."),
    "mojibake": say("Characters were read in the wrong encoding before they came into the file."),
    "same_as_question": say("The answer is the question, word for word."),
    "inside_question": say("The whole answer stands in the question."),
    "repeats_question": say("The answer begins with the whole question."),
    "one_word_answer": say("The answer is a single word, where the others are sentences."),
    "cut_answer": say("The answer stops in the middle of a sentence."),
    "boilerplate": say(
        "Many answers begin or end with the same sentence: the model learns to say it always."
    ),
    "short_answer": say("The answer is far shorter than the others."),
    "long_answer": say("The answer is far longer than the others."),
}
