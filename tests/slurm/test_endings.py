"""What Slurm's word and a runner's record say together."""

from __future__ import annotations

import time

import msgspec
import pytest

from snakemake_renku.backends.slurm.client import StepState, TaskState
from snakemake_renku.backends.slurm.endings import (
    OVER,
    RUNNING,
    WAITING,
    ending,
    needs_slurms_word,
    standing,
)
from snakemake_renku.model import Failure, FailureKind, JobRecord

from .pretended import spec

SPEC = spec(1)


def state(word: str, **fields: object) -> TaskState:
    return TaskState(7, 1, word, nodes=("n1",), **fields)


def record(kind: FailureKind | None, **fields: object) -> JobRecord:
    failure = None if kind is None else Failure(kind, "words")
    now = time.time()
    return JobRecord("1.1", "direct", now, now, "n1", 1, (), failure=failure, **fields)


def test_a_state_is_of_one_standing_and_an_unknown_one_is_no_end() -> None:
    assert not WAITING & RUNNING
    assert not OVER & (WAITING | RUNNING)
    assert standing("NEWLY_INVENTED") == "unknown"


@pytest.mark.parametrize(
    ("word", "fields", "kind"),
    [
        ("OUT_OF_MEMORY", {}, "out_of_memory"),
        ("FAILED", {"derived_signal": 125}, "out_of_memory"),
        ("FAILED", {"steps": (StepState("0", "OUT_OF_MEMORY"),)}, "out_of_memory"),
        ("TIMEOUT", {}, "timeout"),
        ("DEADLINE", {}, "timeout"),
        ("NODE_FAIL", {}, "node_lost"),
        ("PREEMPTED", {}, "preempted"),
        ("BOOT_FAIL", {}, "launch_failed"),
        ("CANCELLED", {"by": "operator"}, "cancelled"),
        ("FAILED", {"signal": 53}, "launch_failed"),
        ("FAILED", {"exit_code": 74}, "launch_failed"),
        ("FAILED", {"exit_code": 1}, "launch_failed"),
        ("COMPLETED", {}, "launch_failed"),
    ],
)
def test_without_a_record_slurms_word_counts(
    word: str, fields: dict[str, object], kind: FailureKind
) -> None:
    end = ending(SPEC, None, state(word, **fields))
    assert end.failure is not None
    assert end.failure.kind == kind
    assert end.host == "n1"


def test_words_tell_what_to_do() -> None:
    def words(said: TaskState | None, printed: str = "") -> str:
        failure = ending(SPEC, None, said, printed=printed).failure
        assert failure is not None
        return failure.message

    assert "raise mem_mb" in words(state("OUT_OF_MEMORY"))
    assert "raise runtime" in words(state("TIMEOUT"))
    assert "Make room" in words(state("FAILED", exit_code=74))
    assert "cancelled by operator" in words(state("CANCELLED", by="operator"))
    assert "the last line" in words(state("FAILED", exit_code=1), "the last line")
    assert "no record" in words(None)


def test_a_record_counts_but_for_what_no_runner_can_know() -> None:
    assert ending(SPEC, record(None), state("CANCELLED")).ok
    assert ending(SPEC, record("error"), state("FAILED")).failure == Failure("error", "words")
    for kind, word, wanted in (
        ("error", "OUT_OF_MEMORY", "out_of_memory"),
        ("cancelled", "PREEMPTED", "preempted"),
        ("cancelled", "NODE_FAIL", "node_lost"),
        ("timeout", "FAILED", "timeout"),
    ):
        end = ending(SPEC, record(kind, exit_code=137), state(word))
        assert end.failure is not None
        assert (end.failure.kind, end.exit_code) == (wanted, 137)


def test_slurm_is_asked_only_about_what_a_runner_cannot_know() -> None:
    def asked(end: JobRecord, job: object = SPEC, cancelled: bool = False) -> bool:
        return needs_slurms_word(end, job, cancelled=cancelled)

    assert not asked(record(None))
    assert not asked(record("error", exit_code=1))
    assert not asked(record("timeout"))
    assert asked(record("error", exit_code=137))
    assert asked(record("error", signal=9))
    assert asked(record("cancelled"))
    assert not asked(record("cancelled"), cancelled=True)
    assert asked(record("error"), msgspec.structs.replace(SPEC, shell_command="srun a"))
