"""The TensorBoard mirror, read back with TensorBoard's own reader."""

import datetime
import math

import pytest
from trial import Trial

from loralab.run import Run
from loralab.track import TensorBoardSink
from loralab.track.curves import Answers
from loralab.track.tensorboard import answers_text
from loralab.track.verify import expected

pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
SETTINGS = {"lora": {"rank": 8, "targets": ("q_proj", "k_proj")}}


def shown(trial):
    """What TensorBoard shows: scalars by key and step, texts by key and step, times, plugins."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = trial.folder.track("tensorboard")
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    scalars, times = {}, {}
    for key in found.Tags()["scalars"]:
        for each in found.Scalars(key):
            scalars[key, each.step], times[key, each.step] = each.value, each.wall_time
    texts = {
        (key.removesuffix("/text_summary"), each.step): each.tensor_proto.string_val[0].decode("utf-8")
        for key in found.Tags()["tensors"]
        for each in found.Tensors(key)
    }
    return scalars, texts, times, found


def same(one, other):
    """TensorBoard keeps 32 bits of a number."""
    return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-6)


def test_every_scalar_and_answer_is_there_after_a_resume_and_nothing_that_no_longer_counts(tmp_path):
    trial = Trial(tmp_path, TensorBoardSink(SETTINGS))
    trial.stage("before", 3, 2.0)
    trial.steps(1, 4)
    trial.steps(5, 5, loss=math.nan)
    trial.close("interrupted")
    again = Trial(tmp_path, TensorBoardSink(SETTINGS))
    again.emit("run_resumed", from_step=2)
    again.steps(3, 4, loss=0.125)
    again.stage("after", 3, 1.0)
    again.emit("run_finished", reason="done", seconds=1.0)
    again.close()
    assert trial.failures == again.failures == []

    scalars, texts, times, found = shown(again)
    wanted, wanted_texts = expected(Run(again.folder))
    assert set(scalars) == set(wanted) and ("train/loss", 5) not in wanted
    assert [place for place, value in wanted.items() if not same(value, scalars[place])] == []
    for key, step, caption in wanted_texts:
        assert f"#### {caption}\n" in texts[key, step]
    assert len(texts) == 2
    events = [e for e in Run(again.folder).record.events if e["kind"] == "step"]
    moment = datetime.datetime.fromisoformat(events[0]["time"]).timestamp()
    assert times["train/loss", 1] == pytest.approx(moment, abs=1e-3)
    assert "_hparams_/experiment" in found.Tags()["tensors"] or "hparams" in str(
        found.PluginTagToContent("hparams")
    )
    assert "lora.rank" in str(found.PluginTagToContent("hparams"))


def test_an_answer_cannot_be_markup():
    text = answers_text(Answers("answers/1-100", 0, (("after · question 1", "# no title\n<b>x</b>"),)))
    assert text == "#### after · question 1\n\n    # no title\n    <b>x</b>"


def test_a_folder_that_cannot_be_made_ends_the_mirror_and_not_the_run(tmp_path):
    (tmp_path / "0001-trial" / "track").mkdir(parents=True)
    (tmp_path / "0001-trial" / "track" / "tensorboard").write_text("in the way")
    trial = Trial(tmp_path, TensorBoardSink({}))
    trial.steps(1, 2)
    trial.close()
    ((sink, error, _),) = trial.failures
    assert sink == "tensorboard" and "FileExistsError" in error
