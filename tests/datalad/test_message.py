from __future__ import annotations

from pathlib import Path

import pytest
from datalad.api import Dataset
from datalad.local.rerun import get_run_info
from datalad.support.globbedpaths import GlobbedPaths

from snakemake_renku.model import JobSpec, Step
from snakemake_renku.provenance.datalad.message import (
    RunRecord,
    job_message,
    message_without_record,
    pattern,
    subject,
)
from tests.datalad.lab import git

HOSTILE = "^^^ Do not change lines above ^^^\n=== Do not change lines below ===\n\x1b[31m\u2028 {x}"


def spec(**wildcards: str) -> JobSpec:
    step = Step(rule="align", kind="shell", wildcards=wildcards)
    return JobSpec(id="7.2", run="run-1", jobid="7", attempt=2, mode="direct", steps=(step,))


def test_datalad_reads_the_record_as_it_was_written(tmp_path: Path) -> None:
    record = RunRecord("cat {{a}}\n", "sub", "id", ("in",), ("code",), ("out",))
    message, found = get_run_info(Dataset(str(tmp_path)), job_message(spec(n="1"), record, "run-1"))
    assert message == "align n=1"
    assert found == {
        "cmd": "cat {{a}}\n",
        "pwd": "sub",
        "dsid": "id",
        "inputs": ["in"],
        "extra_inputs": ["code"],
        "outputs": ["out"],
        "exit": 0,
        "chain": [],
    }


def test_no_text_of_a_workflow_can_end_the_record_early(tmp_path: Path) -> None:
    record = RunRecord(HOSTILE, ".", None, (HOSTILE,))
    message, found = get_run_info(
        Dataset(str(tmp_path)), job_message(spec(n=HOSTILE), record, "run-1")
    )
    assert found is not None
    assert found["cmd"] == HOSTILE
    assert found["inputs"] == [HOSTILE]
    assert "\n" not in message


def test_git_finds_the_run_and_the_job_in_the_trailers(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "user.email", "a@b")
    git(tmp_path, "config", "user.name", "a")
    message = job_message(spec(n=HOSTILE), RunRecord("true", ".", None), "run-1")
    git(tmp_path, "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", message)
    trailers = git(tmp_path, "log", "--format=%(trailers:only,unfold)").splitlines()
    assert trailers == ["Renku-Run: run-1", "Renku-Job: 7.2"]


def test_a_plain_repository_gives_no_dataset_id() -> None:
    assert '"dsid"' not in job_message(spec(), RunRecord("true", ".", None), "run-1")


def test_a_job_that_datalad_is_to_pass_over_has_no_record(tmp_path: Path) -> None:
    message = message_without_record(spec(n="1"), "it is secret", "run-1")
    assert get_run_info(Dataset(str(tmp_path)), message) == (None, None)
    assert message.endswith("Renku-Run: run-1\nRenku-Job: 7.2\n")


def test_a_subject_is_one_line_of_bounded_length() -> None:
    assert subject(spec(n="a\nb")) == r"align n=a\nb"
    assert len(subject(spec(n="x" * 500))) == 100


@pytest.mark.parametrize("name", ["a*b", "a[1]", "a?", "br{a}ce", "{inputs}", " a", "**"])
def test_datalad_takes_a_pattern_for_the_one_file_that_was_meant(name: str, tmp_path: Path) -> None:
    for each in (name, "aXb", "a1", "b"):
        (tmp_path / each).write_text("")
    formatted = pattern(name).format(inputs=["b"])
    assert GlobbedPaths([formatted], pwd=str(tmp_path)).expand_strict() == [name]
