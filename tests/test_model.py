from __future__ import annotations

import msgspec
import pytest

from snakemake_renku.model import (
    Failure,
    FileRef,
    FileSpec,
    JobRecord,
    JobSpec,
    RunEnd,
    RunInfo,
    Step,
    StepFiles,
)

from .journal.samples import job_record, job_spec, run_info

PLAIN_JOB = JobSpec("1.1", "run", "1", 1, "warm", (Step("a", "none"),))

VALUES = [
    run_info(),
    RunInfo("run", 1.0, "/w", "Snakefile", "local", "h", "me", 1, "9.27.0", "0.1.0"),
    RunEnd(2.0, "success"),
    job_spec(),
    PLAIN_JOB,
    job_record(),
    job_record(failure=Failure("timeout", "It ran too long.", None, 15)),
    JobRecord("1.1", "cold", 1.0, 2.0, "h", 0, (StepFiles("a"),)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_from_json_as_it_was(value: msgspec.Struct) -> None:
    assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_from_msgpack_as_it_was(value: msgspec.Struct) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value)) == value


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_cannot_be_changed(value: msgspec.Struct) -> None:
    name = value.__struct_fields__[0]
    with pytest.raises(AttributeError):
        setattr(value, name, None)


def test_what_is_left_at_its_default_is_left_out() -> None:
    assert msgspec.json.encode(FileSpec("a")) == b'{"path":"a"}'
    assert msgspec.json.encode(FileRef("a", "input", "missing")) == (
        b'{"path":"a","role":"input","kind":"missing"}'
    )


def test_what_a_newer_version_adds_is_passed_over() -> None:
    assert msgspec.json.decode(b'{"path":"a","colour":"red"}', type=FileSpec) == FileSpec("a")


def test_a_value_of_the_wrong_kind_is_refused_with_its_place() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.kind"):
        msgspec.json.decode(b'{"path":"a","role":"input","kind":"cloud"}', type=FileRef)


def test_a_job_is_marked_by_its_run_and_its_id() -> None:
    assert PLAIN_JOB.marker == "run/1.1"


def test_a_job_is_called_by_its_rule_and_a_group_by_its_own_name() -> None:
    assert PLAIN_JOB.rule == "a"
    assert job_spec().rule == "g"


@pytest.mark.parametrize(
    ("resources", "mem_mb", "runtime_s"),
    [
        ({}, None, None),
        ({"mem_mb": 100, "runtime": 5}, 100, 300.0),
        ({"mem_mb": 0, "runtime": 0}, None, None),
        ({"mem_mb": -1, "runtime": -1}, None, None),
        ({"mem_mb": "<TBD>", "runtime": "<TBD>"}, None, None),
    ],
)
def test_memory_is_in_mb_and_runtime_in_minutes_and_both_may_be_unknown(
    resources: dict[str, int | str], mem_mb: int | None, runtime_s: float | None
) -> None:
    spec = msgspec.structs.replace(PLAIN_JOB, resources=resources)
    assert (spec.mem_mb, spec.runtime_s) == (mem_mb, runtime_s)


def test_a_record_is_ok_unless_it_names_a_failure() -> None:
    assert job_record().ok
    assert not job_record(failure=Failure("cancelled", "It was cancelled.")).ok
