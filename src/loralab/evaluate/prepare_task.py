"""A model and a task in, everything that can be known before weights are loaded out: prompts, hashes, eval.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from loralab.config.schema import EvaluateConfig
from loralab.data.conversation import Conversation, Message
from loralab.data.reasons import BadRow
from loralab.encode.encode import encode_prompt
from loralab.encode.template import ChatTemplate, read_template
from loralab.engine.generate import LocalGenerator
from loralab.engine.server_models import Served
from loralab.errors import Problem, UsageError
from loralab.evaluate.eval_folder import FORMAT
from loralab.evaluate.questions import Question, fingerprint
from loralab.evaluate.served import DEVICE, ServerChoice, described, find_server, refuse_long
from loralab.evaluate.stage import stop_ids
from loralab.evaluate.subject import Subject
from loralab.evaluate.tasks.base import Item, Task
from loralab.evaluate.tasks.rows import refuse
from loralab.hub.base import Progress
from loralab.hub.data import fetch_data, is_remote
from loralab.model.describe import describe_adapter, describe_model
from loralab.model.folder import CONFIG, Need, check_model_folder, weight_files
from loralab.model.load import pick_device, pick_dtype
from loralab.model.locate import Located, locate
from loralab.model.small_files import read_object
from loralab.model.tokenizer import load_tokenizer
from loralab.run.files import sha256
from loralab.words import Words, say

BATCH_ROWS = EvaluateConfig().batch_rows  # as in training runs, so that both are compared
# benchmark texts are not ours to change: special tokens in them are read as ordinary characters
SPECIAL_TOKENS = "text"
PACKAGES = ("loralab", "torch", "transformers", "peft")
PACKAGES_FOR_SERVER = ("loralab", "transformers")  # what makes and reads token ids

Tell = Callable[[Words], None]
OnAnswer = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Request:
    """What is asked of whom, and where the answers go.

    `questions` is a path or the address of one file on a hub. `limit` asks the first questions only. With `server`
    the subject gives tokenizer and template alone, and batches and number format are the server's affair.
    """

    subject: Subject
    task: Task
    questions: str
    out: Path
    max_new_tokens: int | None = None
    batch_rows: int = BATCH_ROWS
    limit: int | None = None
    server: ServerChoice | None = None


@dataclass(frozen=True)
class Watch:
    """Who is told what.

    `tell` gets sentences; `on_answer` for each answer how many are there, of how many, and the seconds that this
    one took; `download` bytes from a hub.
    """

    tell: Tell = lambda words: None
    on_answer: OnAnswer = lambda there, total, seconds: None
    download: Progress | None = None


@dataclass(frozen=True)
class Prepared:
    """All that is known before weights are loaded; `served` answers, if there is one."""

    request: Request
    located: Located
    template: ChatTemplate
    items: tuple[Item, ...]
    questions: tuple[Question, ...]
    prompts: tuple[tuple[int, ...], ...]
    device: str
    document: dict[str, Any]
    served: Served | None = None

    @property
    def decoding(self) -> dict[str, Any]:
        """How answers are generated."""
        return dict(self.document["decoding"])


def prepare(request: Request, watch: Watch) -> Prepared:
    """Find the model, read and encode the questions, and hash all that the answers depend on."""
    path, source = _questions_file(request.questions, watch)
    every = request.task.questions(path)
    items = tuple(every[: request.limit])
    _refuse_copies(items, path)
    subject = request.subject
    served = find_server(request.server, subject, watch.tell) if request.server else None
    need: Need = "tokenizer" if served else "all"
    located = locate(subject.model, need, watch.download)
    check_model_folder(located.folder, subject.model.trust_remote_code, need)
    template = read_template(load_tokenizer(located.folder, subject.model.trust_remote_code))
    questions = tuple(_question(item, subject.system) for item in items)
    prompts = _encode(questions, template, path)
    device = DEVICE if served else pick_device()
    asked = {"path": source, "sha256": sha256(path), "count": len(every), "asked": len(items)}
    document = _document(request, located, template, questions, device, asked, served)
    longest = document["decoding"]["max_new_tokens"]
    if served:
        refuse_long(served, prompts, longest)
    else:
        subject.refuse_other_base(document["model"])
    _warn_of_long_prompts(located.folder, prompts, longest, watch.tell)
    return Prepared(request, located, template, items, questions, prompts, device, document, served)


def _questions_file(address: str, watch: Watch) -> tuple[Path, str]:
    """The questions on disk, and their address for the record: on a hub that of exactly this version."""
    if not is_remote(address):
        path = Path(address).expanduser().absolute()
        if path.is_dir():
            raise UsageError(Problem(say("is a folder, a task's questions are one file"), address))
        return path, str(path)
    files = fetch_data(address, watch.download)
    for note in filter(None, (f.note for f in files)):
        watch.tell(note)
    if len(files) != 1:
        what = say("names {n} files, a task's questions are one", n=len(files))
        raise UsageError(
            Problem(what, address, next=say("use one of: {names}", names=", ".join(f.url for f in files)))
        )
    return files[0].path, files[0].url


def _refuse_copies(items: Sequence[Item], path: Path) -> None:
    """Raise DataError for ids that stand twice: predictions could not be told apart."""
    places: dict[str, int] = {}
    problems = []
    for number, item in enumerate(items, 1):
        first = places.setdefault(item.id, number)
        if first != number:
            what = say("the id {id!r} is that of question {first} too", id=item.id, first=first)
            problems.append(Problem(what, f"{path}:#{number}"))
    refuse(problems)


def _question(item: Item, system: str | None) -> Question:
    """An item as the asker and the fingerprint take it: the gold answer is its last turn, which is never shown."""
    talk = item.conversation.with_system(system)
    asked = Conversation((*talk.messages, Message("assistant", item.reference)))
    return Question(item.id, "test", False, asked)


def _encode(questions: Sequence[Question], template: ChatTemplate, path: Path) -> tuple[tuple[int, ...], ...]:
    """Token ids of each prompt; raises DataError naming the questions that cannot be asked."""
    prompts, problems = [], []
    for number, question in enumerate(questions, 1):
        talk = Conversation(question.conversation.prompt)
        try:
            prompts.append(tuple(encode_prompt(talk, template, SPECIAL_TOKENS)))
        except BadRow as bad:
            problems.append(Problem(bad.detail, f"{path}:#{number}"))
    refuse(problems)
    return tuple(prompts)


def _document(
    request: Request,
    located: Located,
    template: ChatTemplate,
    questions: Sequence[Question],
    device: str,
    asked: dict[str, Any],
    served: Served | None,
) -> dict[str, Any]:
    """The contents of eval.json. It holds no time, so that two evaluations of the same are the same bytes."""
    subject, task, folder = request.subject, request.task, located.folder
    decoding = {
        "do_sample": False,
        "max_new_tokens": request.max_new_tokens or task.max_new_tokens,
        "stop_token_ids": _stop_ids(subject, template),
        **({} if served else {"batch_rows": request.batch_rows}),
    }
    comparable = {key: value for key, value in decoding.items() if key != "stop_token_ids"}
    metrics = [f"{task.name} {task.metric} {task.version}"]
    weights = [] if served else weight_files(folder)  # those of a server are out of sight
    backend = served.backend if served else LocalGenerator.name
    return {
        "format": FORMAT,
        "task": task.name, "metric": task.metric, "task_version": task.version,
        "questions": asked | {"limit": request.limit},
        "run": subject.described(),
        "model": describe_model(subject.model.name, located.origin, located.revision, folder, weights),
        "adapter": describe_adapter(subject.adapter) if subject.adapter else None,
        "system": subject.system, "special_tokens": SPECIAL_TOKENS,
        "decoding": decoding,
        **_means(request, device, served),
        "fingerprint": fingerprint(
            questions, comparable, backend, metrics, str(template.tokenizer.chat_template)
        ),
    }  # fmt: skip


def _means(request: Request, device: str, served: Served | None) -> dict[str, Any]:
    """What answers are computed with; of a server, what it tells."""
    if served and request.server:
        return {
            "server": described(served, request.server.in_flight),
            "dtype": {"asked": None, "used": None},
            "device": device,
            "threads": None,
            "versions": {name: version(name) for name in PACKAGES_FOR_SERVER},
        }
    import torch

    asked = request.subject.model.dtype
    return {
        "dtype": {"asked": asked, "used": pick_dtype(asked, device)},
        "device": device,
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _stop_ids(subject: Subject, template: ChatTemplate) -> list[int]:
    """What ends an answer; where it is not known how training closed answers, the pad token does as well."""
    has_pad = template.tokenizer.pad_token_id is not None
    if subject.answer_end == "any":
        return stop_ids(template, "pad" if has_pad else "template")
    return stop_ids(template, subject.answer_end)


def _warn_of_long_prompts(
    folder: Path, prompts: Sequence[Sequence[int]], max_new_tokens: int, tell: Tell
) -> None:
    limit = read_object(folder, CONFIG)[0].get("max_position_embeddings")
    long = [p for p in prompts if isinstance(limit, int) and len(p) + max_new_tokens > limit]
    if long:
        words = say(
            "{n} questions with their answers may be longer than the {limit} tokens the model was made for",
            n=len(long), limit=limit,
        )  # fmt: skip
        tell(say("warning: {message}", message=words))
