"""The Chinese sentence for each English template that the package says, one file for each group of rooms."""

from __future__ import annotations

from loralab.words_zh.commands import COMMANDS, COMMANDS_LITERAL
from loralab.words_zh.models import MODELS, MODELS_LITERAL
from loralab.words_zh.pages import PAGES
from loralab.words_zh.runs import RUNS, RUNS_LITERAL
from loralab.words_zh.settings import SETTINGS, SETTINGS_LITERAL

ROOMS: tuple[dict[str, str], ...] = (COMMANDS, SETTINGS, MODELS, RUNS, PAGES)
LITERAL: tuple[str, ...] = (*COMMANDS_LITERAL, *SETTINGS_LITERAL, *MODELS_LITERAL, *RUNS_LITERAL)

SENTENCES: dict[str, str] = {en: zh for room in ROOMS for en, zh in room.items()} | {t: t for t in LITERAL}
