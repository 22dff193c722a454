"""What slurmrestd answers in the form of v0.0.38 and in the later one, from recorded answers."""

from __future__ import annotations

import base64
import json
import os
import pickle
import time
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.backends.slurm import rest_cluster, rest_jobs, rest_submit
from snakemake_renku.backends.slurm.client import Request, Submission
from snakemake_renku.backends.slurm.rest import RestClient
from snakemake_renku.backends.slurm.rest_http import Answer, address
from snakemake_renku.backends.slurm.rest_lists import mask, task_ranges, tasks
from snakemake_renku.backends.slurm.rest_problems import problems, unavailable
from snakemake_renku.backends.slurm.rest_token import Token
from snakemake_renku.backends.slurm.rest_values import ending, number, state, words
from snakemake_renku.errors import BackendUnavailable, SlurmUnavailable, SubmissionRefused

ANSWERS = Path(__file__).parent / "answers"
BOTH = pytest.mark.parametrize("version", ["v0.0.38", "v0.0.45"])


def recorded(version: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((ANSWERS / f"{version}.json").read_text())
    return answer


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        ({"set": True, "infinite": False, "number": 7}, 7),
        ({"set": True, "infinite": True, "number": 0}, None),
        ({"set": False, "infinite": False, "number": 0}, None),
        ({"infinite": False, "number": 4294967294}, None),
        (4294967295, None),
        (65534, None),
        (18446744073709551614, None),
        (-1, None),
        (None, None),
        ("12", 12),
        ("UNLIMITED", None),
        (True, None),
    ],
)
def test_a_number_is_read_in_both_forms(value: object, expected: int | None) -> None:
    assert number(value) == expected


def test_lists_are_read_in_both_forms() -> None:
    assert words("a, b,,") == words(["a", "b"]) == ("a", "b")
    assert words(None) == words("") == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("OUT_OF_MEMORY", "OUT_OF_MEMORY"),
        (["FAILED"], "FAILED"),
        (["FAILED", "COMPLETING"], "COMPLETING"),
        (["PENDING", "REQUEUED"], "REQUEUED"),
        ("CANCELLED by 1000", "CANCELLED"),
        ([], "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_a_state_is_the_one_word_that_squeue_shows(value: object, expected: str) -> None:
    assert state(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, (0, 0)),
        (1792, (7, 0)),
        (9, (0, 9)),
        (253, (0, 125)),
        ({"return_code": None, "signal": {"signal_id": 9}}, (0, 9)),
        (
            {
                "status": ["ERROR"],
                "return_code": {"set": True, "infinite": False, "number": 7},
                "signal": {"id": {"set": False, "infinite": False, "number": 0}},
            },
            (7, 0),
        ),
        ({"return_code": {"set": False}, "signal": {"id": {"set": True, "number": 53}}}, (0, 53)),
        (None, (None, None)),
    ],
)
def test_how_a_job_ended_is_read_in_both_forms(
    value: object, expected: tuple[int | None, int | None]
) -> None:
    assert ending(value) == expected


def test_tasks_are_written_out_and_cut_off_lists_known() -> None:
    assert tasks("1-3,7,10-14:2%4") == ([1, 2, 3, 7, 10, 12, 14], True)
    assert tasks("2-4,21,2...%1") == ([2, 3, 4, 21], False)
    assert tasks("0x16") == ([1, 2, 4], True)
    assert mask("no mask") == []


def test_tasks_to_cancel_are_named_in_few_words_none_of_them_too_long() -> None:
    assert list(rest_jobs.array_ids([(5, 1), (5, 2), (5, 9), (6, None), (6, 3)])) == [
        "5_[1-2,9]",
        "6",
    ]
    pieces = list(task_ranges(list(range(1, 4000, 2)), longest=1500))
    assert all(len(piece) <= 1500 for piece in pieces)
    assert sorted(task for piece in pieces for task in tasks(piece)[0]) == [*range(1, 4000, 2)]


@BOTH
def test_jobs_of_the_controller_are_read(version: str) -> None:
    answer = recorded(version)
    exits, killed, cancelled, array = answer["ids"][:4]
    ours = rest_jobs.named(answer["jobs"], "recorded", "root")
    found = {
        (each.job, each.task): each
        for each in rest_jobs.unfold(ours, lambda job: rest_jobs.waiting(answer["accounting"], job))
    }

    assert (found[exits, None].state, found[exits, None].exit_code) == ("FAILED", 7)
    assert (found[killed, None].signal, found[killed, None].exit_code) == (9, 0)
    assert found[cancelled, None].state == "CANCELLED"
    assert found[cancelled, None].nodes
    assert found[array, 1].state == "RUNNING"
    left = [1, *range(2, 20), *range(21, 140, 2), 140]
    assert sorted(task for job, task in found if job == array and task) == left
    assert found[array, 139].reason == "JobArrayTaskLimit"
    assert rest_jobs.named(answer["jobs"], "recorded", "someone") == []


@BOTH
def test_jobs_of_accounting_are_read(version: str) -> None:
    answer = recorded(version)
    exits, killed, cancelled, array = answer["ids"][:4]
    found = {(each.job, each.task): each for each in rest_jobs.stored(answer["accounting"])}

    # v0.0.38 takes every exit status for 0: unknown is true, 0 is not.
    assert found[exits, None].exit_code == (None if version == "v0.0.38" else 7)
    assert found[killed, None].signal == 9
    assert found[killed, None].steps[0].step == "batch"
    assert (found[cancelled, None].state, found[cancelled, None].by) == ("CANCELLED", "root")
    assert found[exits, None].by is None
    assert found[array, 139].state == "PENDING"
    assert (array, 20) not in found


def test_missing_exit_codes_come_from_the_controller_if_it_knows_them() -> None:
    answer = recorded("v0.0.38")
    known = list(rest_jobs.unfold(answer["jobs"], lambda job: ()))
    states = rest_jobs.completed(rest_jobs.stored(answer["accounting"]), known)
    assert next(state for state in states if state.job == answer["ids"][0]).exit_code == 7
    assert rest_jobs.completed(states, []) == states


def test_a_step_that_was_out_of_memory_is_told_apart() -> None:
    answer = recorded("v0.0.38")
    (job,) = (
        each for each in rest_jobs.stored(answer["accounting"]) if each.job == answer["ids"][4]
    )
    assert job.state == "FAILED"
    assert job.derived_signal == 125
    assert [(step.step, step.state) for step in job.steps] == [
        ("batch", "FAILED"),
        ("0", "OUT_OF_MEMORY"),
    ]


def test_of_a_requeued_job_accounting_tells_the_last_attempt() -> None:
    first = {"job_id": 5, "array": {"job_id": 0}, "time": {"submission": 10}}
    attempts = [
        {**first, "state": {"current": "RUNNING"}, "time": {"submission": 20}},
        {**first, "state": {"current": "PREEMPTED"}},
    ]
    for records in (attempts, attempts[::-1]):
        (job,) = rest_jobs.stored(records)
        assert (job.state, job.restarts) == ("RUNNING", 1)


def test_a_task_with_a_record_of_its_own_waits_no_more() -> None:
    array = {"job_id": 5, "time": {"submission": 10}}
    runs = {**array, "array": {"job_id": 5, "task_id": 1}, "state": {"current": "RUNNING"}}
    wait = {**array, "array": {"job_id": 5, "task": "0x6"}, "state": {"current": "PENDING"}}
    for records in ([runs, wait], [wait, runs]):
        found = {state.task: (state.state, state.restarts) for state in rest_jobs.stored(records)}
        assert found == {1: ("RUNNING", 0), 2: ("PENDING", 0)}


@BOTH
def test_the_cluster_is_read(version: str) -> None:
    answer = recorded(version)
    cluster = rest_cluster.assemble(
        answer["ping"],
        answer["partitions"],
        answer["nodes"],
        answer["conf"],
        name=rest_cluster.cluster_name(answer["ping"]),
        accounting=True,
    )
    both = cluster.partition("all")
    assert both is not None
    assert both.default
    assert both.state == "UP"
    assert both.nodes[:2] == ("n1", "n2")
    assert (both.max_mem_per_node, both.max_nodes, both.allow_accounts) == (None, None, ())
    assert both.default_time_min == 10
    assert cluster.nodes[0].mem_mb == 4096
    if version == "v0.0.38":
        assert cluster.version == "22.05.8"
        assert cluster.max_array_size == 1001
        short = cluster.partition("short")
        assert short is not None
        assert (short.max_time_min, short.max_mem_per_node, short.default) == (5, 1024, False)
        assert cluster.nodes[2].gres == {"gpu": 2, "gpu:a100": 2}
    else:
        assert (cluster.version, cluster.name) == ("26.05.5", "two")
        assert cluster.max_array_size == 2001
        assert both.max_time_min == 60
        assert not cluster.enforce_part_limits


@BOTH
def test_a_refusal_is_told_in_slurms_words(version: str) -> None:
    refused = recorded(version)["refused"]
    answer = Answer(refused["status"], refused["body"], "")
    assert unavailable(answer, "it") is None
    assert problems(answer)[0].number == 2000
    assert "Invalid partition name" in problems(answer)[0].words


@pytest.mark.parametrize(
    ("status", "body", "passing"),
    [
        (401, {}, False),
        (
            511,
            {"errors": [{"error_number": 1007, "error": "Protocol authentication error"}]},
            False,
        ),
        (500, {"errors": [{"error_code": 1007, "error": "Protocol authentication error"}]}, False),
        (500, {"errors": [{"error_number": -1, "error": "Unspecified error"}]}, True),
        (500, {"errors": [{"error": "Unable to contact slurm controller", "errno": 1800}]}, True),
        (500, {"errors": [{"error_code": 11, "error": "Resource temporarily unavailable"}]}, True),
        (503, {}, True),
    ],
)
def test_what_may_pass_is_told_from_what_will_not(
    status: int, body: dict[str, Any], passing: bool
) -> None:
    error = unavailable(Answer(status, body, ""), "it")
    assert isinstance(error, BackendUnavailable)
    assert isinstance(error, SlurmUnavailable) == passing
    if not passing:
        assert "scontrol token" in str(error)


def submission(request: Request, **further: Any) -> Submission:
    return Submission("run", "#!/bin/sh\n", "/data", "/data/%a.out", request, **further)


def test_a_submission_is_said_in_the_older_form() -> None:
    asked = Request(cpus=2, mem_mb=100, gres="gpu:1", gpus="a100:2", exclusive=True, nodes=1)
    body = rest_submit.body(submission(asked, tasks=4, throttle=2, exclude=("n1", "n2")), 38)
    job = body["job"]
    assert body["script"] == "#!/bin/sh\n"
    assert (job["array"], job["exclude_nodes"], job["exclusive"]) == ("1-4%2", "n1,n2", "exclusive")
    assert (job["gres"], job["gpus"], job["nodes"]) == ("gpu:1", "a100:2", "1")
    assert isinstance(job["environment"], dict)
    assert "time_limit" not in job


def test_a_submission_is_said_in_the_newer_form() -> None:
    asked = Request(gres="gpu:1", gpus="a100:2", exclusive=True, mem_mb_per_gpu=9, cpus_per_gpu=3)
    job = rest_submit.body(submission(asked, exclude=("n1",)), 45)["job"]
    assert job["script"] == "#!/bin/sh\n"
    assert (job["tres_per_node"], job["tres_per_job"]) == ("gres/gpu:1", "gres/gpu:a100:2")
    assert (job["cpus_per_tres"], job["memory_per_tres"]) == ("gres/gpu:3", "gres/gpu:9")
    assert (job["shared"], job["excluded_nodes"]) == (["none"], ["n1"])
    assert "cpus_per_task" not in job
    assert any(each.startswith("PATH=") for each in job["environment"])


def test_further_options_are_said_in_both_forms() -> None:
    words = ("--mail-type=END,FAIL", "-x", "n[3,5]", "--nodelist", "n2", "--nice=5", "--no-requeue")
    older = rest_submit.body(submission(Request(extra=words)), 38)["job"]
    newer = rest_submit.body(submission(Request(extra=words), exclude=("n1",)), 45)["job"]
    assert (older["mail_type"], newer["mail_type"]) == ("END,FAIL", ["END", "FAIL"])
    assert (older["nodelist"], newer["required_nodes"]) == ("n2", ("n2",))
    assert (older["exclude_nodes"], newer["excluded_nodes"]) == ("n3,n5", ["n1", "n3", "n5"])
    assert older["nice"] == newer["nice"] == 5
    assert older["no_requeue"] is True
    assert newer["requeue"] is False


@pytest.mark.parametrize(
    "asked",
    [
        Request(clusters="b"),
        Request(extra=("--bb=x",)),
        Request(extra=("--nice=much",)),
        Request(extra=("stray",)),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(asked: Request) -> None:
    with pytest.raises(SubmissionRefused, match=r".+ .+"):
        rest_submit.body(submission(asked), 45)


def test_a_job_gets_our_environment_but_neither_slurms_nor_the_token() -> None:
    ours = {"HOME": "/h", "SLURM_JWT": "secret", "SLURM_JOB_ID": "1", "BAD": "\udcff"}
    found = rest_submit.environment(ours, {"MORE": "1"}, "/data")
    assert found.pop("SLURM_UMASK").isdigit()
    assert found == {"HOME": "/h", "MORE": "1", "SLURM_SUBMIT_DIR": "/data"}


def jwt(expires: float) -> str:
    parts = ({"alg": "HS256"}, {"exp": int(expires), "sun": "root"})
    words = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join(word.rstrip("=") for word in (*words, "c2VjcmV0"))


def test_an_expired_token_is_said_to_be_expired_and_is_not_shown() -> None:
    text = jwt(time.time() - 5)
    token = Token(text)
    with pytest.raises(BackendUnavailable, match=r"expired at .*scontrol token") as caught:
        token.headers("root")
    assert text not in str(caught.value) + repr(token)
    assert Token(jwt(time.time() + 60)).headers("me")["X-SLURM-USER-NAME"] == "me"
    with pytest.raises(TypeError):
        pickle.dumps(token)


def test_a_token_that_would_end_a_header_is_refused_unseen() -> None:
    with pytest.raises(BackendUnavailable) as caught:
        Token("secret\r\nX-Other: 1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:6820/", "http://127.0.0.1:6820"),
        ("https://host/slurm/", "https://host/slurm"),
        ("unix:/run/slurm.sock", "unix:/run/slurm.sock"),
        ("unix:///run/slurm.sock", "unix:/run/slurm.sock"),
        ("http://[::1]:6820", "http://[::1]:6820"),
    ],
)
def test_addresses_are_understood(url: str, shown: str) -> None:
    assert str(address(url)) == shown


@pytest.mark.parametrize("url", ["", "host:6820", "ftp://host", "http://", "unix:relative",
                                 "http://me:secret@host", "http://host:port"])  # fmt: skip
def test_other_addresses_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(BackendUnavailable, match="http://host:6820") as caught:
        address(url)
    assert "secret" not in str(caught.value)


def test_a_token_over_http_to_another_host_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="without encryption"):
        client = RestClient("http://login.example.org:6820", "me", jwt(time.time() + 60))
    assert client.warning
    assert RestClient("https://login.example.org", "me", "t").warning is None
    assert RestClient("http://127.0.0.1:6820", "me", "t").warning is None


def test_a_host_wants_a_token() -> None:
    with pytest.raises(BackendUnavailable, match="scontrol token"):
        RestClient("https://login.example.org", os.environ.get("USER", "me"), "")
