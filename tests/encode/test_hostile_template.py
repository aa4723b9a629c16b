"""Chat templates are programs of strangers: they cannot leave their sandbox, crash loralab, or keep it waiting for ever."""

from __future__ import annotations

from pathlib import Path

import chat_templates as t
import pytest

from doubles.tiny_model import CHATML
from loralab.data.conversation import Message
from loralab.data.reasons import BadRow
from loralab.encode import read_template
from loralab.errors import EXIT_USAGE, UsageError

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.system('touch MARKER') }}",
    "{{ lipsum.__globals__['os'].popen('touch MARKER').read() }}",
    "{{ self.__init__.__globals__.__builtins__.open('MARKER', 'w') }}",
    "{{ messages.append.__self__.__class__.__base__.__subclasses__() }}",
    "{{ raise_exception.__globals__ }}",
    "{{ strftime_now.__globals__ }}",
    "{{ ('%s' | attr('__class__')).__mro__ }}",
    "{{ '{0.__class__.__mro__}'.format(messages) }}",
    "{% set x = messages.clear() %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
]
FAULTS = [
    "{{ 1 / 0 }}", "{{ messages[99].content.nothing }}", "{{ range(10 ** 9) | list }}", "{{ 'x' | int(base=99) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{{ [].pop() }}",
    "{{ {}['a'].b }}", "{{ '%d' % 'x' }}", "{{ messages | map(attribute='a.b') | list | first + 1 }}",
]  # fmt: skip


@pytest.mark.parametrize("text", ESCAPES + FAULTS)
def test_a_template_that_reaches_out_or_fails_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="the chat template") as caught:
        read_template(t.tokenizer(text.replace("MARKER", str(tmp_path / "MARKER"))))
    assert caught.value.exit_code == EXIT_USAGE
    assert list(tmp_path.iterdir()) == []


def test_a_template_that_does_not_come_to_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loralab.encode.template.PATIENCE_SECONDS", 0.05)
    endless = "{% for i in range(90000) %}{% for j in range(40) %}{% endfor %}{% endfor %}" + CHATML
    with pytest.raises(UsageError, match="has not come to an end within"):
        read_template(t.tokenizer(endless))


def test_a_template_that_fails_for_one_row_only_is_the_fault_of_that_row() -> None:
    template = read_template(
        t.tokenizer("{% if 'zero' in messages[0].content %}{{ 1 / 0 }}{% endif %}" + CHATML)
    )
    good, bad = [Message("user", "one")], [Message("user", "zero")]
    texts = template.render_many([good, bad])
    assert isinstance(texts[0], str) and isinstance(texts[1], BadRow)
    with pytest.raises(BadRow):
        template.render(bad)


def test_templates_by_name_without_a_default_are_refused() -> None:
    tokenizer = t.tokenizer()
    tokenizer.chat_template = {"tool_use": CHATML, "rag": CHATML}
    with pytest.raises(UsageError, match="the chat template refuses turns"):
        read_template(tokenizer)
