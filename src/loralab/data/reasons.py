"""The closed list of reasons for which a row is dropped, and the repairs that are made and counted."""

from __future__ import annotations

from loralab.words import Words

BAD_ROW = (
    "bad_json", "bad_encoding", "bad_unicode", "duplicate_key", "not_an_object", "missing_field", "wrong_type",
    "ambiguous", "empty_question", "empty_answer", "bad_role", "role_order",
    "tool_turn", "no_answer_turn", "special_token_in_text",
)  # fmt: skip
OTHER = ("too_long", "no_label_token", "duplicate", "overlaps_test")
REASONS = BAD_ROW + OTHER
REPAIRS = ("bom", "crlf", "trailing_space", "unicode_nfc", "number_to_text", "role_alias")


class BadRow(Exception):
    """A row that cannot be used; `reason` is one of REASONS, `detail` says what is wrong."""

    def __init__(self, reason: str, detail: Words) -> None:
        assert reason in REASONS
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")
