#!/usr/bin/env python3
"""Answer questions greedily with Hugging Face's `generate` and with loralab; print seconds, ratios and equality.

    python bench/generate.py --model FOLDER
    python bench/generate.py --model FOLDER --adapter DIR --questions rows.jsonl --batch-rows 16 --rounds 2

Questions are JSON lines {"messages": [...]}, of which those up to the last question are asked, or {"question": ...};
without a file 32 Chinese legal questions are. Ways: `generate` one by one, `generate` over left-padded batches, and
loralab's generator, in float32 on CPU; every round runs each way once, so that other work on the machine slows all
of them: compare the ratio, not the seconds. All stop at the same tokens. The order is that of an evaluation,
longest prompt first. An answer that is not that of `generate` one by one is listed with the place where it leaves
it and how far apart the two best tokens are there, in logits: rounding decides a tie. Exit code 1 if loralab's
answers differ.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from loralab.config.schema import Config, ModelConfig
from loralab.data.conversation import Conversation, Message
from loralab.encode.encode import encode_prompt
from loralab.encode.template import ChatTemplate, read_template
from loralab.engine.generate import LocalGenerator
from loralab.evaluate.stage import stop_ids
from loralab.model.attach import attach_adapter
from loralab.model.load import load_base
from loralab.model.tokenizer import load_tokenizer

Prompts = list[list[int]]
Way = Callable[[], Prompts]
ALONE = "generate one by one"
QUESTIONS = (
    "试用期最长可以约定多久？", "公司不签劳动合同怎么办？", "加班费应当怎样计算？", "被口头辞退，我该保留哪些证据？",
    "员工主动离职还能拿到经济补偿吗？", "工伤认定要在多长时间内申请？", "怀孕期间公司可以解除劳动合同吗？", "竞业限制没有给补偿，还有效吗？",
    "借条上没有写利息，能要求对方付利息吗？", "朋友借钱三年不还，还能起诉吗？", "民间借贷的利率最高是多少？", "担保人还了钱以后能向谁追偿？",
    "房东提前收房，押金能要回来吗？", "租的房子漏水，维修费由谁出？", "租赁合同没到期，房子卖了，我还能住吗？", "二手房卖家反悔不卖了，定金怎么处理？",
    "夫妻一方婚前买的房，婚后一起还贷，离婚怎么分？", "离婚时两岁以内的孩子一般跟谁生活？", "对方不付抚养费，可以申请强制执行吗？", "分居两年就自动离婚吗？",
    "自己手写的遗嘱需要公证才有效吗？", "父亲去世没有留下遗嘱，哪些人可以继承？", "继承人放弃继承后可以反悔吗？", "继子女有没有继承权？",
    "交通事故对方全责却不赔钱，我该怎么做？", "网上买到假货，能要求几倍赔偿？", "宠物狗咬伤路人，谁承担责任？", "楼上掉下东西砸坏我的车，找不到是谁，怎么索赔？",
    "收到法院传票却没有去，会有什么后果？", "一审判决下来不服，上诉期有几天？", "起诉要交多少诉讼费，胜诉后能退吗？", "正当防卫和防卫过当怎么区分？请分别说明条件，并各举一个例子。",
)  # fmt: skip


def main() -> int:
    """Run the rounds, compare the answers, print both."""
    args = arguments()
    template = read_template(load_tokenizer(args.model, trust_remote_code=False))
    model = load(args.model, args.adapter)
    prompts = encode(list(questions(args.questions))[: args.count], template)
    stop = [] if args.no_stop else stop_ids(template, "template")
    ways = make_ways(model, prompts, args.new_tokens, stop, args.batch_rows)
    seconds, answers = run_rounds(ways, args.rounds)
    different = {
        name: differences(model, prompts, answers[ALONE], found)
        for name, found in answers.items()
        if name != ALONE
    }
    median = {n: {k: statistics.median(v) for k, v in kinds.items()} for n, kinds in seconds.items()}
    print(
        json.dumps(
            {
                "questions": len(prompts), "prompt_tokens": sum(map(len, prompts)),
                "answer_tokens": sum(map(len, answers[ALONE])), "new_tokens": args.new_tokens,
                "adapter": str(args.adapter) if args.adapter else None, "rounds": args.rounds,
                "seconds": {n: {k: round(v, 2) for k, v in kinds.items()} for n, kinds in median.items()},
                "ratios": ratios(median, args.batch_rows), "different": different,
            },
            indent=1,
        )
    )  # fmt: skip
    return 1 if any(found for name, found in different.items() if name.startswith("loralab")) else 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="folder with weights and a chat template")
    parser.add_argument("--adapter", type=Path, help="folder of a PEFT adapter")
    parser.add_argument("--questions", type=Path, help="JSON lines")
    parser.add_argument("--count", type=int, default=32, help="questions to ask at most")
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--batch-rows", type=int, nargs="+", default=[16])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--no-stop", action="store_true", help="every answer has --new-tokens tokens, whatever they are"
    )
    return parser.parse_args()


def load(folder: Path, adapter: Path | None) -> Any:
    """The model on CPU in float32."""
    settings = ModelConfig(name=str(folder), dtype="float32")
    model, _ = load_base(folder, Config(model=settings), "cpu")
    return attach_adapter(model, adapter).eval() if adapter else model.eval()


def questions(path: Path | None) -> Iterator[Conversation]:
    """Conversations that end with a question."""
    if path is None:
        yield from (Conversation((Message("user", text),)) for text in QUESTIONS)
        return
    for line in path.read_text("utf-8").split("\n"):
        if line.strip():
            row = json.loads(line)
            messages = row.get("messages") or [{"role": "user", "content": row["question"]}]
            last = max(i for i, m in enumerate(messages) if m["role"] == "user")
            yield Conversation(tuple(Message(m["role"], m["content"]) for m in messages[: last + 1]))


def encode(asked: Sequence[Conversation], template: ChatTemplate) -> Prompts:
    """Token ids, longest first, as an evaluation asks them."""
    answer = Message("assistant", "")  # its place; the prompt ends before it
    whole = [Conversation((*talk.messages, answer)) for talk in asked]
    return sorted((list(encode_prompt(talk, template, "text")) for talk in whole), key=len, reverse=True)


def make_ways(
    model: Any, prompts: Prompts, new_tokens: int, stop: Sequence[int], batch_rows: Sequence[int]
) -> dict[str, Way]:
    """Each way by its name; all give the answers without the stop token."""

    def by_generate(rows: int) -> Way:
        return lambda: generate(model, prompts, new_tokens, stop, rows)

    def own(rows: int) -> Way:
        generator = LocalGenerator(model, "cpu", 0, rows)
        if reason := generator.why_forward(max(map(len, prompts)) + new_tokens):
            print(f"loralab uses the model's own forward: {reason}", file=sys.stderr)

        def answers() -> Prompts:
            found = generator.generate(prompts, new_tokens, stop, lambda: None)
            return [list(answer.ids) for answer in sorted(found, key=lambda answer: answer.index)]

        return answers

    ways = {ALONE: by_generate(1)}
    for rows in batch_rows:
        ways |= {f"generate {rows} rows": by_generate(rows), f"loralab {rows} rows": own(rows)}
    return ways


def generate(model: Any, prompts: Prompts, new_tokens: int, stop: Sequence[int], rows: int) -> Prompts:
    """Hugging Face's answers, `rows` prompts at a time, padded on the left."""
    import torch
    from transformers import GenerationConfig

    settings = GenerationConfig(
        do_sample=False, max_new_tokens=new_tokens, eos_token_id=list(stop) or None, pad_token_id=0,
        repetition_penalty=1.0,  # else that of the model's own settings is taken, which is not greedy
    )  # fmt: skip
    answers: Prompts = []
    for start in range(0, len(prompts), rows):
        part = prompts[start : start + rows]
        width = max(map(len, part))
        ids = torch.tensor([[0] * (width - len(p)) + p for p in part])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in part])
        whole = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
        answers += [until(row[width:].tolist(), stop) for row in whole]
    return answers


def until(ids: list[int], stop: Sequence[int]) -> list[int]:
    """The ids before the first that stops."""
    return ids[: next((i for i, token in enumerate(ids) if token in stop), len(ids))]


def run_rounds(
    ways: dict[str, Way], rounds: int
) -> tuple[dict[str, dict[str, list[float]]], dict[str, Prompts]]:
    """Seconds of each way on the processor and on the clock, and its answers."""
    seconds: dict[str, dict[str, list[float]]] = {name: {"cpu": [], "wall": []} for name in ways}
    answers: dict[str, Prompts] = {}
    for number in range(1, rounds + 1):
        for name, way in ways.items():
            cpu, wall = time.process_time(), time.monotonic()
            answers[name] = way()
            seconds[name]["cpu"].append(time.process_time() - cpu)
            seconds[name]["wall"].append(time.monotonic() - wall)
            print(f"round {number}: {name:20} {seconds[name]['cpu'][-1]:8.2f} s CPU", file=sys.stderr)
    return seconds, answers


def ratios(median: dict[str, dict[str, float]], batch_rows: Sequence[int]) -> dict[str, dict[str, float]]:
    """How many times as fast as each way of Hugging Face loralab is."""
    return {
        f"loralab {rows} rows to {other}": {
            kind: round(median[other][kind] / median[f"loralab {rows} rows"][kind], 2)
            for kind in ("cpu", "wall")
        }
        for rows in batch_rows
        for other in (ALONE, f"generate {rows} rows")
    }


def differences(model: Any, prompts: Prompts, expected: Prompts, found: Prompts) -> list[dict[str, Any]]:
    """Where answers differ from those expected, and how far apart the two best tokens are there."""
    import torch

    result = []
    for index, (prompt, one, other) in enumerate(zip(prompts, expected, found, strict=True)):
        if one != other:
            same = next(
                (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                min(len(one), len(other)),
            )
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([prompt + one[:same]])).logits[0, -1]
            best = logits.topk(2).values
            result.append({"question": index, "token": same, "best_two_apart": float(best[0] - best[1])})
    return result


if __name__ == "__main__":
    sys.exit(main())
