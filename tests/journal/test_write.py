from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from snakemake_renku.errors import JournalError
from snakemake_renku.journal import (
    JobSubmitted,
    JournalWriter,
    Notice,
    Redactor,
    new_run_id,
    read_run,
)

from .samples import every_kind, head, job_spec

NO_SECRETS = Redactor({})
SECRET = "hunter2-and-more"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]


def test_each_event_is_one_line_of_json_with_its_kind_and_time(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "run", NO_SECRETS)
    writer.append(every_kind(), sync=True)
    kinds = [line["event"] for line in lines(writer.path)]
    assert kinds == [
        "run_started",
        "job_submitted",
        "job_submitted",
        "job_started",
        "notice",
        "notice",
        "job_finished",
        "job_finished",
        "job_rejected",
        "run_finished",
    ]
    assert all(isinstance(line["time"], float) for line in lines(writer.path))


def test_the_journal_stands_where_the_reader_looks(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "20250101T000000-abcdef", NO_SECRETS)
    assert writer.path == tmp_path / ".snakemake/renku/runs/20250101T000000-abcdef.jsonl"


def test_later_events_are_appended(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "run", NO_SECRETS)
    writer.append([head()], sync=False)
    before = writer.path.read_bytes()
    writer.append([Notice(1.0, "more")], sync=True)
    assert writer.path.read_bytes().startswith(before)
    assert lines(writer.path)[1] == {"event": "notice", "time": 1.0, "message": "more"}


def test_two_writers_never_share_a_file(tmp_path: Path) -> None:
    first = JournalWriter(tmp_path, "run", NO_SECRETS)
    first.append([head()], sync=True)
    with pytest.raises(JournalError, match="File exists"):
        JournalWriter(tmp_path, "run", NO_SECRETS)
    assert len(lines(first.path)) == 1


def test_threads_do_not_write_into_each_others_lines(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "run", NO_SECRETS)

    def write(thread: int) -> None:
        for number in range(50):
            writer.append([Notice(number, f"{thread}" * 5000)], sync=False)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    messages = [str(line["message"]) for line in lines(writer.path)]
    assert len(messages) == 200
    assert all(len(set(message)) == 1 and len(message) == 5000 for message in messages)


def test_a_closed_writer_refuses(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "run", NO_SECRETS)
    writer.close()
    writer.close()
    with pytest.raises(JournalError, match="is closed"):
        writer.append([head()], sync=False)


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".snakemake").write_text("a file in its place")
    with pytest.raises(JournalError, match=r"Cannot create the journal .*run\.jsonl") as caught:
        JournalWriter(tmp_path, "run", NO_SECRETS)
    assert caught.value.remedy


def test_a_secret_is_never_in_the_file(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "run", Redactor({"TOKEN": SECRET}))
    spec = job_spec()
    step = msgspec.structs.replace(
        spec.steps[0], command=f"curl -H {SECRET}", params={"a": [SECRET]}, wildcards={SECRET: "x"}
    )
    writer.append([head(), Notice(1.0, f"found {SECRET}!")], sync=True)
    writer.append([JobSubmitted(2.0, msgspec.structs.replace(spec, steps=(step,)))], sync=True)
    text = writer.path.read_text()
    assert SECRET not in text
    assert text.count("[redacted:TOKEN]") == 4
    history = read_run(writer.path)
    assert history.jobs["1.1"].spec.steps[0].command == "curl -H [redacted:TOKEN]"


def test_run_ids_sort_by_their_start() -> None:
    starts = [0.0, 1.0, 86_400.0, 1_700_000_000.0, 1_700_000_001.9, 1_700_000_003.0]
    runs = [new_run_id(start) for start in starts]
    assert sorted(runs) == runs


def test_two_runs_of_the_same_second_have_different_ids() -> None:
    assert len({new_run_id(1.0) for _ in range(100)}) == 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid() != 0:
        pytest.skip("mounting a file system needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def write_until_refused(writer: JournalWriter) -> None:
    while True:
        writer.append([Notice(1.0, "x" * 3000)] * 2, sync=True)


def test_a_full_disk_leaves_whole_lines_only(small_disk: Path) -> None:
    writer = JournalWriter(small_disk, "run", NO_SECRETS)
    writer.append([head()], sync=True)
    with pytest.raises(JournalError, match="No space left on device") as caught:
        write_until_refused(writer)
    assert caught.value.remedy == (
        "Make room on that disk, then start again with --rerun-incomplete."
    )
    history = read_run(writer.path)
    assert (history.torn, history.damaged) == (False, [])
    # Of the two events that were appended as one piece, both are there or none is.
    assert len(history.notices) % 2 == 0
    assert len(history.notices) == len(lines(writer.path)) - 1 > 0


def test_after_room_was_made_the_journal_goes_on(small_disk: Path) -> None:
    writer = JournalWriter(small_disk, "run", NO_SECRETS)
    ballast = small_disk / "ballast"
    writer.append([head()], sync=True)
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(b"x" * 100_000)
    with pytest.raises(JournalError):
        writer.append([Notice(1.0, "x" * 10_000)], sync=True)
    ballast.unlink()
    writer.append([Notice(2.0, "after")], sync=True)
    assert [notice.message for notice in read_run(writer.path).notices] == ["after"]
