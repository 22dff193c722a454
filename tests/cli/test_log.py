from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from snakemake_renku import __version__

CHECKOUT = Path(__file__).parents[2]

FIRST, SECOND = "20260101T000000-aaaaaa", "20260102T000000-bbbbbb"


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[1:]]


def test_runs_are_listed_newest_first(journal: Any, renku: Any) -> None:
    for run in (FIRST, SECOND):
        journal(run).end()
    assert [row[0] for row in rows(renku("log").out)] == [SECOND, FIRST]


def test_a_run_is_listed_with_its_counts_and_commit(journal: Any, renku: Any) -> None:
    run = journal()
    run.job("1.1")
    run.end()
    row = rows(renku("log").out)[0]
    assert row[-9:] == ["1:00", "min", "success", "1", "0", "1", *row[-3:]]
    assert row[-3:] == ["workflow/Snakefile", "0123456", "dirty"]


def test_of_a_retried_job_the_last_attempt_counts(journal: Any, renku: Any, failure: Any) -> None:
    run = journal()
    run.job("1.1", failure=failure)
    run.job("1.2")
    run.end()
    assert renku("log", "--json").json["runs"][0]["jobs"] == {"total": 1, "ok": 1, "failed": 0}


def test_a_rejected_job_counts_as_failed(journal: Any, renku: Any, failure: Any) -> None:
    from snakemake_renku.journal import JobRejected

    run = journal()
    run.job("1.1")
    run.add(JobRejected(1.0, "1.1", failure))
    run.end("failed")
    assert renku("log", "--json").json["runs"][0]["jobs"] == {"total": 1, "ok": 0, "failed": 1}


def test_a_run_that_goes_on_is_running(journal: Any, renku: Any) -> None:
    journal()
    assert renku("log", "--json").json["runs"][0]["status"] == "running"


def test_a_run_without_an_end_was_interrupted(journal: Any, renku: Any) -> None:
    journal().writer.close()
    assert renku("log", "--json").json["runs"][0]["status"] == "interrupted"


def test_only_failed_runs_are_listed_if_asked_for(journal: Any, renku: Any) -> None:
    journal(FIRST).end("failed")
    journal(SECOND).end()
    assert [row[0] for row in rows(renku("log", "--failed").out)] == [FIRST]


def test_a_limit_keeps_the_newest_runs(journal: Any, renku: Any) -> None:
    for run in (FIRST, SECOND):
        journal(run).end()
    assert [row[0] for row in rows(renku("log", "--limit", "1").out)] == [SECOND]


def test_a_torn_last_line_is_told_and_no_error(journal: Any, renku: Any) -> None:
    run = journal()
    run.job("1.1")
    run.writer.close()
    run.append_raw(b'{"event":"job_fin')
    result = renku("log")
    assert result.status == 0
    assert "torn" in result.err
    assert rows(result.out)[0][0] == FIRST


@pytest.mark.parametrize("arguments", [["log"], ["log", "latest"]])
def test_a_damaged_line_is_told_and_no_error(
    journal: Any, renku: Any, arguments: list[str]
) -> None:
    run = journal()
    run.append_raw(b"\xff\xfe{garbage\n")
    run.job("1.1")
    run.end()
    result = renku(*arguments)
    assert result.status == 0
    assert f"1 line of the journal of {FIRST} cannot be read" in result.err
    assert renku(*arguments, "--json").status == 0


def test_damaged_lines_are_named_in_json(journal: Any, renku: Any) -> None:
    run = journal()
    run.append_raw(b"{garbage\n")
    run.end()
    assert renku("log", "--json").json["runs"][0]["damaged_lines"] == [2]
    assert renku("log", "latest", "--json").json["damaged_lines"] == [2]


@pytest.mark.parametrize("content", [b"", b"nonsense", b'{"event":"notice","time":1,"message":""}'])
def test_a_journal_without_a_head_is_listed_as_unreadable(
    journal: Any, renku: Any, content: bytes
) -> None:
    run = journal(FIRST)
    run.end()
    run.writer.path.with_stem(SECOND).write_bytes(content)
    result = renku("log")
    assert result.status == 0
    assert f"{SECOND} cannot be read" in result.err
    assert [row[0] for row in rows(result.out)] == [FIRST]
    assert len(renku("log", "--json").json["unreadable"]) == 1


def test_the_jobs_of_a_run_are_listed(journal: Any, renku: Any) -> None:
    run = journal()
    run.job("7.1")
    run.end()
    line = " ".join(rows(renku("log", "latest").out)[0])
    assert line == "7.1 align sample=7 1 direct success 12 s 9.0 s 2.5 GB 2"


def test_a_run_is_named_by_the_beginning_of_its_id(journal: Any, renku: Any) -> None:
    for run in (FIRST, SECOND):
        new = journal(run)
        new.job("1.1", rule=f"rule_of_{run[-6:]}")
        new.end()
    assert "rule_of_aaaaaa" in renku("log", "20260101").out


def test_a_failed_job_is_listed_with_its_kind(journal: Any, renku: Any, failure: Any) -> None:
    run = journal()
    run.job("7.1", failure=failure)
    run.end("failed")
    assert "failed: out_of_memory" in renku("log", "latest").out


def test_a_job_that_went_beyond_its_resources_is_marked(journal: Any, renku: Any) -> None:
    run = journal()
    run.job("7.1", exceeded=("mem_mb",))
    run.end()
    assert "success, over mem_mb" in renku("log", "latest").out


def test_jobs_are_selected_by_rule_and_failure(journal: Any, renku: Any, failure: Any) -> None:
    run = journal()
    run.job("1.1", rule="align", failure=failure)
    run.job("2.1", rule="align")
    run.job("3.1", rule="sort", failure=failure)
    run.end("failed")
    result = renku("log", "latest", "--failed", "--rule", "align")
    assert [row[0] for row in rows(result.out)] == ["1.1"]


def test_a_limit_keeps_the_latest_jobs(journal: Any, renku: Any) -> None:
    run = journal()
    for number in range(5):
        run.job(f"{number}.1")
    run.end()
    assert [row[0] for row in rows(renku("log", "latest", "--limit", "2").out)] == ["3.1", "4.1"]


def test_the_jobs_in_json_are_the_model_and_a_status(journal: Any, renku: Any) -> None:
    run = journal()
    run.job("7.1", output=["out.txt"])
    run.end()
    document = renku("log", "latest", "--json").json
    assert document["format"] == 1
    assert set(document["jobs"][0]) == {
        *("id", "status", "submitted", "started", "spec", "record", "notices"),
    }
    assert document["jobs"][0]["status"] == "success"
    assert document["jobs"][0]["spec"]["steps"][0]["output"] == [{"path": "out.txt"}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["log"], "No run was recorded"),
        (["log", "latest"], "No run was recorded"),
    ],
)
def test_a_folder_without_runs_is_an_error(renku: Any, arguments: list[str], message: str) -> None:
    result = renku(*arguments)
    assert result.status == 2
    assert result.err.startswith("snakemake-renku: error: ")
    assert message in result.err


def test_an_unknown_run_is_an_error_with_a_remedy(journal: Any, renku: Any) -> None:
    journal().end()
    result = renku("log", "2031")
    assert result.status == 2
    assert "`snakemake-renku log` lists the runs" in result.err


def test_a_rule_without_a_run_is_an_error(journal: Any, renku: Any) -> None:
    journal().end()
    assert renku("log", "--rule", "align").status == 2


def test_another_folder_can_be_named(journal: Any, renku: Any, tmp_path: Path) -> None:
    import os

    journal().end()
    os.chdir("/")
    assert FIRST in renku("log", "--directory", str(tmp_path)).out


def seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def test_many_jobs_are_listed_quickly(journal: Any, renku: Any) -> None:
    run = journal()
    for number in range(5000):
        run.job(f"{number}.1", output=[f"out/{number}.txt"])
    run.end()
    assert seconds(lambda: renku("log", "latest")) < 2.5
    assert seconds(lambda: renku("log")) < 0.5


def module(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snakemake_renku", *arguments],
        env={"PYTHONPATH": str(CHECKOUT), "PATH": ""},
        capture_output=True,
        text=True,
        **options,
    )


def test_the_module_tells_its_version() -> None:
    assert module("--version").stdout == f"snakemake-renku {__version__}\n"


def test_a_command_is_required() -> None:
    assert module().returncode == 2


def test_a_version_is_told_without_loading_what_it_does_not_need() -> None:
    code = (
        "import sys\ntry:\n from snakemake_renku.cli import main; main(['--version'])\n"
        "except SystemExit: pass\n"
        "print(*{'msgspec', 'rich', 'psutil', 'snakemake'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(CHECKOUT)}, capture_output=True
    )
    assert done.stdout.decode().splitlines() == [f"snakemake-renku {__version__}", ""]


def test_a_reader_that_goes_away_is_no_traceback(journal: Any, tmp_path: Path) -> None:
    run = journal()
    for number in range(3000):
        run.job(f"{number}.1")
    run.end()
    line = f"'{sys.executable}' -m snakemake_renku log latest | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", f"PYTHONPATH='{CHECKOUT}' {line}"], cwd=tmp_path, capture_output=True
    )
    assert done.stdout.startswith(b"JOB")
    assert done.stderr == b""


def on_terminal(folder: Path, arguments: str, columns: int) -> str:
    text, status = pexpect.run(
        f"{sys.executable} -m snakemake_renku {arguments}",
        cwd=str(folder),
        env={"PYTHONPATH": str(CHECKOUT), "TERM": "xterm-256color", "COLUMNS": str(columns)},
        withexitstatus=True,
    )
    assert status == 0
    return str(text.decode())


def test_a_narrow_terminal_hides_neither_run_nor_status(journal: Any, tmp_path: Path) -> None:
    journal().end("interrupted")
    text = on_terminal(tmp_path, "log", columns=40)
    assert FIRST in text
    assert "interrupted" in text


def test_a_terminal_gets_a_table_in_colour(journal: Any, tmp_path: Path, failure: Any) -> None:
    run = journal()
    run.job("7.1", failure=failure)
    run.end("failed")
    text = on_terminal(tmp_path, "log latest", columns=120)
    assert "\x1b[31mfailed: out_of_memory" in text
