"""The Chinese sentence for each English template that the package says, one file for each group of rooms."""

from __future__ import annotations

from loralab.words_zh.board import BOARD
from loralab.words_zh.cards import CARDS
from loralab.words_zh.commands import COMMANDS, COMMANDS_LITERAL
from loralab.words_zh.comparison import COMPARISON, COMPARISON_LITERAL
from loralab.words_zh.data import DATA, DATA_LITERAL
from loralab.words_zh.doctor import DOCTOR, DOCTOR_LITERAL
from loralab.words_zh.evaluation import EVALUATION, EVALUATION_LITERAL
from loralab.words_zh.faults import FAULTS
from loralab.words_zh.formats import FORMATS_LITERAL, FORMATS_WORDS
from loralab.words_zh.general import GENERAL
from loralab.words_zh.memory import MEMORY
from loralab.words_zh.models import MODELS, MODELS_LITERAL
from loralab.words_zh.pages import PAGES
from loralab.words_zh.placement import PLACEMENT
from loralab.words_zh.records import RECORDS, RECORDS_LITERAL
from loralab.words_zh.runs import RUNS, RUNS_LITERAL
from loralab.words_zh.scale import SCALE
from loralab.words_zh.scoring import SCORING
from loralab.words_zh.serving import SERVING
from loralab.words_zh.settings import SETTINGS, SETTINGS_LITERAL
from loralab.words_zh.sharding import SHARDING
from loralab.words_zh.study import STUDY, STUDY_LITERAL
from loralab.words_zh.tasks import TASKS_LITERAL, TASKS_WORDS
from loralab.words_zh.terminal import TERMINAL
from loralab.words_zh.tracking import TRACKING

ROOMS: tuple[dict[str, str], ...] = (
    BOARD, COMMANDS, SETTINGS, MODELS, RUNS, PAGES, RECORDS, FORMATS_WORDS, DOCTOR, DATA, COMPARISON, SCORING,
    CARDS, STUDY, TASKS_WORDS, EVALUATION, GENERAL, MEMORY, TRACKING, TERMINAL, FAULTS, SERVING, SCALE,
    PLACEMENT, SHARDING,
)  # fmt: skip
LITERAL: tuple[str, ...] = (
    *COMMANDS_LITERAL, *STUDY_LITERAL, *SETTINGS_LITERAL, *MODELS_LITERAL, *RUNS_LITERAL,
    *RECORDS_LITERAL, *FORMATS_LITERAL, *DOCTOR_LITERAL, *DATA_LITERAL, *COMPARISON_LITERAL, *TASKS_LITERAL,
    *EVALUATION_LITERAL,
)  # fmt: skip

SENTENCES: dict[str, str] = {en: zh for room in ROOMS for en, zh in room.items()} | {t: t for t in LITERAL}
