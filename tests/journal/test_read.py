from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from snakemake_renku.errors import JournalError
from snakemake_renku.journal import (
    Event,
    JobFinished,
    JobRejected,
    JobStarted,
    JobSubmitted,
    JournalWriter,
    Redactor,
    RunFinished,
    read_run,
)
from snakemake_renku.journal.read import read_head
from snakemake_renku.model import Failure, RunEnd

from .samples import STRANGE, every_kind, head, job_record, job_spec, run_info


def journal(workdir: Path, events: Sequence[Event]) -> Path:
    writer = JournalWriter(workdir, "run", Redactor({}))
    writer.append(events, sync=False)
    writer.close()
    return writer.path


def edit(path: Path, number: int, line: bytes) -> None:
    """Put ``line`` in the place of one, counted from 1."""
    lines = path.read_bytes().split(b"\n")
    lines[number - 1] = line
    path.write_bytes(b"\n".join(lines))


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    history = read_run(journal(tmp_path, every_kind()))
    assert history.info == run_info()
    assert history.end == RunEnd(1003.0, "failed", "1 of 2 jobs failed.", 3.5)
    assert history.status == "failed"
    first = history.jobs["1.1"]
    assert first.spec == job_spec("1.1")
    assert first.submitted == 1000.5
    assert first.started == JobStarted(1001.0, "1.1", 12, "somewhere-else")
    assert first.record == job_record("1.1")
    assert [notice.message for notice in first.notices] == [STRANGE]
    assert [notice.message for notice in history.notices] == ["Of the run."]
    assert (history.damaged, history.torn, history.alive) == ([], False, False)


def test_a_rejection_goes_before_the_records_success(tmp_path: Path) -> None:
    history = read_run(journal(tmp_path, every_kind()))
    rejected = history.jobs["2.1"]
    assert rejected.record is not None
    assert rejected.record.failure == Failure("missing_output", "It did not make: out.bam.")
    assert rejected.record.usage == job_record().usage
    assert history.state(rejected) == "failed"


def test_a_rejection_of_a_job_without_a_record_changes_nothing(tmp_path: Path) -> None:
    events: list[Event] = [
        head(),
        JobSubmitted(1.0, job_spec()),
        JobRejected(2.0, "1.1", Failure("error", "")),
    ]
    assert read_run(journal(tmp_path, events)).jobs["1.1"].record is None


def test_events_of_jobs_that_were_never_submitted_are_passed_over(tmp_path: Path) -> None:
    events: list[Event] = [
        head(),
        JobStarted(1.0, "9.1", 1, "h"),
        JobFinished(2.0, job_record("9.1")),
    ]
    assert read_run(journal(tmp_path, events)).jobs == {}


@pytest.mark.parametrize("left", [1, 20, 200])
def test_a_torn_last_line_is_passed_over_and_told(tmp_path: Path, left: int) -> None:
    path = journal(tmp_path, every_kind()[:4])
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    path.write_bytes(whole[: last + min(left, len(whole) - last - 2)])
    history = read_run(path)
    assert history.torn
    assert history.damaged == []
    assert list(history.jobs) == ["1.1", "2.1"]
    assert history.jobs["1.1"].started is None


def test_a_last_line_that_only_lacks_its_end_counts(tmp_path: Path) -> None:
    path = journal(tmp_path, every_kind())
    path.write_bytes(path.read_bytes()[:-1])
    history = read_run(path)
    assert history.end is not None
    assert not history.torn


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 100, b'{"event": "job_submitted"', b'{"event":"job_started","time":"?"}', b"[]", b"7"],
)
def test_a_damaged_line_in_the_middle_is_passed_over_and_told(
    tmp_path: Path, garbage: bytes
) -> None:
    path = journal(tmp_path, every_kind())
    edit(path, 3, garbage)
    history = read_run(path)
    assert history.damaged == [3]
    assert not history.torn
    assert list(history.jobs) == ["1.1"]
    assert history.end is not None


def test_a_line_with_broken_utf8_is_damaged(tmp_path: Path) -> None:
    path = journal(tmp_path, every_kind())
    edit(path, 6, b'{"event":"notice","time":1.0,"message":"\xff\xfe"}')
    history = read_run(path)
    assert history.damaged == [6]
    assert history.notices == []


def test_kinds_of_events_that_are_not_known_are_skipped(tmp_path: Path) -> None:
    path = journal(tmp_path, every_kind())
    lines = path.read_bytes().split(b"\n")
    lines.insert(2, b'{"event":"job_weighed","time":1.0,"stars":5}')
    path.write_bytes(b"\n".join(lines))
    history = read_run(path)
    assert history.damaged == []
    assert list(history.jobs) == ["1.1", "2.1"]


def test_fields_that_are_not_known_are_skipped(tmp_path: Path) -> None:
    path = journal(tmp_path, every_kind())
    first = json.loads(path.read_bytes().split(b"\n")[0])
    edit(path, 1, json.dumps(first | {"colour": "red"}).encode())
    assert read_run(path).info == run_info()


def test_a_newer_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = journal(tmp_path, [msgspec.structs.replace(head(), format=2)])
    with pytest.raises(JournalError, match="format 2, newer than this version knows") as caught:
        read_run(path)
    assert caught.value.remedy == "Install a newer snakemake-renku."


@pytest.mark.parametrize("content", [b"", b"\n", b'{"event":"run_sta'])
def test_a_file_without_a_head_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="does not begin with the head of a run") as caught:
        read_run(path)
    assert caught.value.remedy == "It was cut off before anything ran; it can be deleted."


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"gone\.jsonl: No such file or directory"):
        read_run(tmp_path / "gone.jsonl")


def test_the_head_alone_is_read_without_the_rest(tmp_path: Path) -> None:
    path = journal(tmp_path, every_kind())
    assert read_head(path) == run_info()


@pytest.mark.parametrize("content", [None, b"", b'{"event":"run_sta', b"\xff", b'{"event":"new"}'])
def test_a_head_that_cannot_be_read_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "run.jsonl"
    if content is not None:
        path.write_bytes(content)
    assert read_head(path) is None


HOLD = """
import sys
from pathlib import Path
import msgspec
from snakemake_renku.journal import JournalWriter, Redactor, RunStarted, JobSubmitted, JobStarted
from snakemake_renku.journal.read import _decoder
writer = JournalWriter(Path(sys.argv[1]), "run", Redactor({}))
writer.append([_decoder.decode(line) for line in sys.argv[2:]], sync=True)
print(writer.path, flush=True)
if sys.stdin.readline():
    writer.close()
    print("closed", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a journal with two jobs, of which one has started."""
    events = [*every_kind()[:4]]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), *(msgspec.json.encode(e) for e in events)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def path_of(writing: subprocess.Popen[str]) -> Path:
    assert writing.stdout is not None
    return Path(writing.stdout.readline().strip())


def test_a_run_whose_writer_lives_is_running(writing: subprocess.Popen[str]) -> None:
    history = read_run(path_of(writing))
    assert history.status == "running"
    states = [history.state(job) for job in history.jobs.values()]
    assert states == ["running", "submitted"]


def test_reading_does_not_take_the_writers_lock_away(writing: subprocess.Popen[str]) -> None:
    path = path_of(writing)
    assert [read_run(path).status for _ in range(3)] == ["running"] * 3


def test_a_run_whose_writer_was_killed_is_interrupted(writing: subprocess.Popen[str]) -> None:
    path = path_of(writing)
    writing.kill()
    writing.wait()
    history = read_run(path)
    assert history.status == "interrupted"
    assert [history.state(job) for job in history.jobs.values()] == ["interrupted"] * 2


def test_a_journal_closed_without_an_end_is_interrupted(writing: subprocess.Popen[str]) -> None:
    path = path_of(writing)
    assert writing.stdin is not None
    assert writing.stdout is not None
    writing.stdin.write("\n")
    writing.stdin.flush()
    assert writing.stdout.readline() == "closed\n"
    assert writing.poll() is None
    assert read_run(path).status == "interrupted"


def test_a_pid_that_lives_does_not_make_a_run_live(tmp_path: Path) -> None:
    info = msgspec.structs.replace(run_info(), host=os.uname().nodename, pid=os.getpid())
    path = journal(tmp_path, [msgspec.structs.replace(head(), info=info)])
    assert read_run(path).status == "interrupted"


def test_a_run_that_ended_has_the_status_that_it_wrote(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "run", Redactor({}))
    writer.append([head(), RunFinished(2.0, RunEnd(2.0, "success"))], sync=False)
    assert read_run(writer.path).status == "success"


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (None, "success"),
        (Failure("error", "It broke."), "failed"),
        (Failure("cancelled", "It was cancelled."), "cancelled"),
    ],
)
def test_a_job_with_a_record_stands_where_the_record_says(
    tmp_path: Path, failure: Failure | None, state: str
) -> None:
    record = job_record("1.1", failure)
    events: list[Event] = [head(), JobSubmitted(1.0, job_spec()), JobFinished(2.0, record)]
    history = read_run(journal(tmp_path, events))
    assert history.state(history.jobs["1.1"]) == state
