import math

from loralab.track.curves import Answers, Curves, Points, in_force, step_values

STEP = {"kind": "step", "epoch": 0.5, "loss": 2.0, "grad_norm": 1.5, "learning_rate": 1e-4,
        "tokens": 300, "label_tokens": 100, "rows": 4, "seconds": 0.5, "peak_bytes": 3 * 2**29}  # fmt: skip


def marks(*events):
    curves = Curves()
    return [mark for event in events for mark in curves.take(event)] + curves.rest()


def prediction(stage, identity, answer="a"):
    return {"kind": "prediction", "stage": stage, "id": identity, "question": f"q{identity}",
            "answer": answer, "reference": "r"}  # fmt: skip


def scored(stage, value):
    return {"kind": "scored", "stage": stage, "task": "heldout", "metric": "loss", "value": value}


def test_a_step_gives_six_curves_at_its_step():
    assert marks({**STEP, "step": 7}) == [
        Points(7, {"train/loss": 2.0, "train/grad_norm": 1.5, "train/learning_rate": 1e-4, "train/epoch": 0.5,
                   "train/tokens_per_second": 600.0, "train/peak_memory_gib": 1.5})
    ]  # fmt: skip


def test_numbers_that_json_cannot_hold_come_back_as_numbers():
    values = step_values({**STEP, "loss": "NaN", "grad_norm": "Infinity", "learning_rate": "-Infinity"})
    assert math.isnan(values["train/loss"])
    assert (values["train/grad_norm"], values["train/learning_rate"]) == (math.inf, -math.inf)


def test_fields_without_a_number_have_no_point():
    values = step_values(
        {"kind": "step", "step": 1, "loss": 1.0, "grad_norm": None, "tokens": 5, "seconds": 0.0}
    )
    assert values == {"train/loss": 1.0}


def test_stages_lie_at_the_step_they_were_reached_and_a_second_one_there_takes_the_next_free_step():
    found = marks(
        scored("before", 3.0), {**STEP, "step": 1}, {**STEP, "step": 2},
        scored("epoch-1", 2.0), prediction("epoch-1", "x"), scored("after", 1.5), prediction("after", "x"),
        {"kind": "run_finished"},
    )  # fmt: skip
    points = [
        (m.step, m.values["scores/heldout/loss"])
        for m in found
        if "scores/heldout/loss" in vars(m).get("values", {})
    ]
    assert points == [(0, 3.0), (2, 2.0), (3, 1.5)]
    assert [(m.key, m.step, m.texts[0][0]) for m in found if isinstance(m, Answers)] == [
        ("answers/1-100", 2, "epoch-1 · question 1"),
        ("answers/1-100", 3, "after · question 1"),
    ]


def test_answers_keep_their_number_and_are_split_into_hundreds():
    names = [f"id{n}" for n in range(1, 206)]
    first = marks(*[prediction("before", name) for name in names])
    assert [(m.key, len(m.texts)) for m in first] == [
        ("answers/1-100", 100), ("answers/101-200", 100), ("answers/201-300", 5),
    ]  # fmt: skip
    both = marks(
        *[prediction("before", n) for n in names], prediction("after", "id150"), prediction("after", "id3")
    )
    assert [(m.key, m.texts) for m in both[3:]] == [
        ("answers/1-100", (("after · question 3", "[question]\nqid3\n\n[answer]\na\n\n[reference]\nr"),)),
        (
            "answers/101-200",
            (("after · question 150", "[question]\nqid150\n\n[answer]\na\n\n[reference]\nr"),),
        ),
    ]


def test_a_stage_begun_again_after_a_resume_replaces_the_first_try():
    found = marks(
        {**STEP, "step": 1},
        scored("epoch-1", 9.0), prediction("epoch-1", "x", "half"),
        {"kind": "run_resumed", "from_step": 1},
        {"kind": "stage_started", "stage": "epoch-1"},
        scored("epoch-1", 2.0), prediction("epoch-1", "x", "whole"),
        {**STEP, "step": 2},
    )  # fmt: skip
    assert [m.values for m in found if "scores/heldout/loss" in vars(m).get("values", {})] == [
        {"scores/heldout/loss": 2.0}
    ]
    assert [m.texts for m in found if isinstance(m, Answers)] == [
        (("epoch-1 · question 1", "[question]\nqx\n\n[answer]\nwhole\n\n[reference]\nr"),)
    ]


def test_of_two_held_out_losses_at_a_step_the_later_one_counts():
    found = marks({**STEP, "step": 5}, {"kind": "held_out", "step": 5, "loss": 3.0},
                  {"kind": "held_out", "step": 5, "loss": 2.0}, {**STEP, "step": 6})  # fmt: skip
    assert [m for m in found if "heldout/loss" in m.values] == [Points(5, {"heldout/loss": 2.0})]


def test_a_resume_drops_all_beyond_its_step_but_keeps_what_came_at_it():
    events = [{**STEP, "step": 1}, scored("epoch-1", 1.0), {**STEP, "step": 2}, scored("epoch-2", 2.0),
              {"kind": "run_resumed", "from_step": 1}, {**STEP, "step": 2}]  # fmt: skip
    assert in_force(events) == [events[0], events[1], events[4], events[5]]


def test_characters_that_utf8_cannot_hold_do_not_cost_the_text():
    (answers,) = marks(prediction("before", "x", "broken \ud83d end"))
    assert "broken ? end" in answers.texts[0][1]
