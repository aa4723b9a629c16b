"""A config in, all that a run needs to know before its weights are loaded out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from loralab.config.schema import Config, ModelConfig, Source
from loralab.data.sources import pinned
from loralab.encode.template import ChatTemplate, read_template
from loralab.errors import Problem, UsageError
from loralab.evaluate.general.stage import general_questions
from loralab.evaluate.questions import Question
from loralab.model.folder import check_model_folder
from loralab.model.load import check_architecture
from loralab.model.locate import Located, locate
from loralab.model.nf4 import refuse_nf4
from loralab.model.placement import refuse_placement
from loralab.model.tokenizer import load_tokenizer
from loralab.run.view import Run
from loralab.track.installed import refuse_missing_trackers
from loralab.train.choice_check import refuse_choice
from loralab.train.engine_choice import refuse_unsupported
from loralab.train.memory_need import find_device
from loralab.train.order import StepOrder, plan_steps
from loralab.train.prepare import Prepared, data_names, prepare
from loralab.words import say


@dataclass(frozen=True)
class Job:
    """All that is known before weights are loaded."""

    config: Config
    located: Located
    template: ChatTemplate
    prepared: Prepared

    @property
    def general(self) -> tuple[Question, ...]:
        """The general prompts, if they are asked."""
        data = self.config.data
        return general_questions(data.system) if self.config.evaluate.general else ()

    @property
    def pad_id(self) -> int:
        """What padding is filled with; any token does, it is masked."""
        pad = self.template.tokenizer.pad_token_id
        return self.template.end_id if pad is None else int(pad)

    @property
    def order(self) -> StepOrder:
        """Which rows each step trains on."""
        return plan_steps(len(self.prepared.epoch), self.config.train)

    def refuse_choice(self) -> None:
        """Raise UsageError if the adapter could never be chosen, or training stopped, as the config asks."""
        prepared, config = self.prepared, self.config
        refuse_choice(config, self.order, len(prepared.split.test), (*prepared.questions, *self.general))


def plan_job(config: Config, run: Run | None = None) -> Job:
    """Find the model, read and encode the data, and check all that can be checked without weights.

    `run` is the one that goes on, if one does.
    """
    refuse_unavailable(config)
    located = locate(config.model)
    data, notes = pinned(config.data)
    config = replace(config, model=_resolved(config.model, located), data=data)
    check_model_folder(located.folder, config.model.trust_remote_code, "all")
    refuse_unsupported(run, config, located.folder)
    template = read_template(load_tokenizer(located.folder, config.model.trust_remote_code))
    prepared = prepare(config, template).noting(notes)
    check_architecture(located.folder, config, prepared.encoded.largest_id())
    return Job(config, located, template, prepared)


def _resolved(model: ModelConfig, located: Located) -> ModelConfig:
    """The model as it was found: its folder, or the hub and the commit, so that the config finds the same again."""
    if located.origin == "local":
        if model.revision:
            raise UsageError(
                Problem(
                    say("model.revision has no effect on a local folder"),
                    str(located.folder),
                    next=say("remove it"),
                )
            )
        return replace(model, name=str(located.folder))
    source: Source = "modelscope" if located.origin == "modelscope" else "huggingface"
    return replace(model, source=source, revision=located.revision or model.revision)


def refuse_unavailable(config: Config) -> None:
    """Values that the config knows and this version cannot do are an error, never ignored."""
    refuse_missing_trackers(config.track)
    device = find_device()
    refuse_nf4(config, device)
    refuse_placement(config.model, device)


def run_name(config: Config) -> str:
    """run.name, or model and data."""
    model = config.model.name.rstrip("/").rpartition("/")[2]
    return config.run.name or f"{model}-{data_names(config)}"
