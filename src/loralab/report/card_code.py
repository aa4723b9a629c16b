"""A run in, the Python lines that load its adapter and answer as its evaluation did out."""

from __future__ import annotations

from typing import Any

from loralab.report.card_base import base_of
from loralab.run.view import Run
from loralab.words import say

DTYPES = ("float32", "bfloat16", "float16")
LINES = """\
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = {base}  # {what}
adapter = "."  # {adapter}

tokenizer = AutoTokenizer.from_pretrained(base{revision})
model = AutoModelForCausalLM.from_pretrained(base{revision}, dtype={dtype})
model = PeftModel.from_pretrained(model, adapter).eval()

messages = [{system}{{"role": "user", "content": {question}}}]
inputs = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
)
output = model.generate(**inputs, {decoding})
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))"""


def loading_code(run: Run, language: str) -> str:
    """Lines that run where peft and transformers are installed; texts of the record are Python literals in them."""
    base, system = base_of(run), _dict(run.config.get("data")).get("system")
    on_hub = base.hub == "huggingface"
    dtype = run.last("model_ready").get("dtype")
    return LINES.format(
        base=literal(base.name), what=_what(base.hub, language),
        adapter=say("this folder, or its name on a hub").text(language),
        revision=f", revision={literal(base.revision)}" if on_hub and base.revision else "",
        dtype=literal(dtype if dtype in DTYPES else "auto"),
        system=f'{{"role": "system", "content": {literal(system)}}}, ' if isinstance(system, str) and system else "",
        question=literal(say("your question").text(language)), decoding=_decoding(run),
    )  # fmt: skip


def literal(text: str) -> str:
    """A Python string between double quotes; characters that cannot be seen are escaped."""
    quoted = repr(text)
    if quoted[0] == '"':
        return quoted
    inside = quoted[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{inside}"'


def _what(hub: str, language: str) -> str:
    if hub == "huggingface":
        return say("on Hugging Face").text(language)
    if hub:
        return say("on ModelScope: download it and name its folder here").text(language)
    return say("a folder of the machine that trained: name yours, or the model on a hub").text(language)


def _decoding(run: Run) -> str:
    """The arguments of `generate` as in the evaluation: greedy, at most so long, and where an answer ends."""
    decoding = _dict(run.manifest.get("decoding"))
    length, ends = decoding.get("max_new_tokens"), decoding.get("stop_token_ids")
    parts = [f"max_new_tokens={length}" if _is_whole(length) else "max_new_tokens=512", "do_sample=False"]
    if isinstance(ends, list) and ends and all(map(_is_whole, ends)):
        parts.append(f"eos_token_id={ends}")
    return ", ".join(parts)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
