from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.model import Environment, FileRef, ResolvedEnvironment

FIRST, SECOND = "20260101T000000-aaaaaa", "20260102T000000-bbbbbb"
DIGEST = "sha256:" + "ab" * 32


def values(text: str, key: str) -> list[str]:
    return [line[16:] for line in text.splitlines() if line.startswith(f"  {key} ")]


@pytest.fixture
def one_job(journal: Any) -> None:
    run = journal()
    run.job("12.1", output=["out/a.txt"], stdout_tail="hello\n", stderr_tail="careful\n")
    run.end()


@pytest.mark.usefixtures("one_job")
def test_a_job_is_shown_by_its_id(renku: Any) -> None:
    result = renku("show", "12.1")
    assert result.status == 0
    assert result.out.startswith("job 12.1 of rule align: success\n")


def test_an_id_without_an_attempt_means_the_last_one(
    journal: Any, renku: Any, failure: Any
) -> None:
    run = journal()
    for attempt in range(1, 11):
        run.job(f"12.{attempt}", failure=failure)
    run.end("failed")
    assert renku("show", "12").out.startswith("job 12.10 ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attempt", "1, direct"),
        ("wildcards", "sample=12"),
        ("command", "align in.txt"),
        ("param", "k = 3"),
        ("host", "node1, process 42"),
        ("by", "ada on node1, backend local"),
        ("versions", "Snakemake 9.27.1, renku 0.1.0"),
        ("git commit", "0123456789abcdef, dirty (tracked files differed from it)"),
        ("input", f"in.txt  12 B  {DIGEST}"),
        ("output", f"out/a.txt  4.2 MB  {DIGEST}"),
        ("log", "align.log"),
        ("memory", "asked 2.0 GB, used 2.5 GB"),
        ("runtime", "asked 10:00 min, used 12 s"),
        ("threads", "asked 2, used 0.75 on average"),
        ("gpu", "asked 1"),
        ("exit code", "0"),
        ("environment", f"Python 3.11.7 at /venv/bin/python, packages {DIGEST}"),
        ("source", f"workflow/Snakefile  {DIGEST}"),
    ],
)
@pytest.mark.usefixtures("one_job")
def test_a_job_is_shown_in_full(renku: Any, key: str, value: str) -> None:
    assert value in values(renku("show", "12.1").out, key)


@pytest.mark.usefixtures("one_job")
def test_the_ends_of_what_a_job_printed_are_shown(renku: Any) -> None:
    out = renku("show", "12.1").out
    assert "end of stdout\n  hello\n" in out
    assert "end of stderr\n  careful\n" in out


def test_a_failure_is_shown_with_its_kind_and_cause(journal: Any, renku: Any, failure: Any) -> None:
    run = journal()
    run.job("12.1", failure=failure, exit_code=None)
    run.end("failed")
    out = renku("show", "12.1").out
    assert values(out, "failure") == ["out_of_memory: It went beyond 2000 MB."]
    assert values(out, "exit code") == ["137"]
    assert values(out, "signal") == ["9 (SIGKILL)"]


def test_what_a_cluster_would_have_killed_is_said_so(journal: Any, renku: Any) -> None:
    run = journal()
    run.job("12.1", exceeded=("mem_mb",))
    run.end()
    assert values(renku("show", "12.1").out, "memory") == [
        "asked 2.0 GB, used 2.5 GB; exceeded: would have been killed on a cluster"
    ]


def test_the_environment_is_the_one_that_the_job_ran_in(journal: Any, renku: Any) -> None:
    run = journal()
    run.submit("12.1", environment=Environment(container="docker://x", image_path="/i.simg"))
    found = ResolvedEnvironment("docker://x", DIGEST, "manifest", "/conda", "c0ffee", ("gcc/12",))
    run.finish("12.1", environment=found)
    run.end()
    assert values(renku("show", "12.1").out, "environment") == [
        "container docker://x",
        f"image {DIGEST} (of its manifest)",
        "image at /i.simg",
        "conda /conda (c0ffee)",
        "modules gcc/12",
    ]


def test_a_job_that_never_ended_is_shown(journal: Any, renku: Any) -> None:
    run = journal()
    run.submit("12.1", output=["out.txt"])
    run.writer.close()
    out = renku("show", "12.1").out
    assert out.startswith("job 12.1 of rule align: interrupted\n")
    assert values(out, "output") == ["out.txt"]


def test_a_file_that_could_not_be_read_is_shown_with_the_cause(journal: Any, renku: Any) -> None:
    run = journal()
    run.submit("12.1")
    unread = FileRef("in.txt", "input", "file", problem="permission denied")
    run.finish("12.1", input=(unread,))
    run.end()
    assert values(renku("show", "12.1").out, "input") == ["in.txt  permission denied"]


def test_notices_of_a_job_are_shown(journal: Any, renku: Any) -> None:
    run = journal()
    run.submit("12.1")
    run.notice("It was moved.", "12.1")
    run.finish("12.1")
    run.end()
    assert "It was moved." in renku("show", "12.1").out


def test_escape_sequences_of_a_job_do_not_reach_the_terminal(journal: Any, renku: Any) -> None:
    run = journal()
    run.job("12.1", stderr_tail="\x1b[2Jgone")
    run.end()
    assert "\x1b" not in renku("show", "12.1").out


def test_the_maker_of_a_file_is_looked_for_in_all_runs(journal: Any, renku: Any) -> None:
    for run, output in ((FIRST, "a.txt"), (SECOND, "b.txt")):
        new = journal(run)
        new.job("1.1", output=[output])
        new.end()
    assert FIRST in values(renku("show", "a.txt").out, "run")[0]


def test_of_several_makers_the_last_one_is_shown(journal: Any, renku: Any) -> None:
    for run in (FIRST, SECOND):
        new = journal(run)
        new.job("1.1", output=["a.txt"])
        new.end()
    assert SECOND in values(renku("show", "a.txt").out, "run")[0]


def test_a_later_attempt_that_failed_did_not_make_the_file(
    journal: Any, renku: Any, failure: Any
) -> None:
    for run, how in ((FIRST, None), (SECOND, failure)):
        new = journal(run)
        new.job("1.1", output=["a.txt"], failure=how)
        new.end()
    assert FIRST in values(renku("show", "a.txt").out, "run")[0]


def test_where_none_succeeded_the_last_attempt_is_shown(
    journal: Any, renku: Any, failure: Any
) -> None:
    run = journal()
    for attempt in ("1.1", "1.2"):
        run.job(attempt, output=["a.txt"], failure=failure)
    run.end("failed")
    assert renku("show", "a.txt").out.startswith("job 1.2 of rule align: failed")


def test_the_search_for_a_maker_can_be_kept_to_one_run(journal: Any, renku: Any) -> None:
    for run in (FIRST, SECOND):
        new = journal(run)
        new.job("1.1", output=["a.txt"])
        new.end()
    assert FIRST in values(renku("show", "a.txt", "--run", FIRST).out, "run")[0]


@pytest.mark.parametrize("path", ['./out/ä "1".txt', 'out/../out/ä "1".txt'])
def test_a_path_may_be_written_in_any_way(journal: Any, renku: Any, path: str) -> None:
    run = journal()
    run.job("1.1", output=['out/ä "1".txt'])
    run.end()
    assert renku("show", path).status == 0


def test_a_path_may_be_absolute_or_relative_to_where_one_is(
    journal: Any, renku: Any, tmp_path: Path
) -> None:
    run = journal()
    run.job("1.1", output=["out/a.txt"])
    run.end()
    (tmp_path / "out").mkdir()
    os.chdir(tmp_path / "out")
    assert renku("show", "a.txt", "--directory", "..").status == 0
    assert renku("show", str(tmp_path / "out" / "a.txt"), "--directory", "..").status == 0


def test_a_file_in_a_folder_was_made_by_the_maker_of_the_folder(journal: Any, renku: Any) -> None:
    run = journal()
    run.submit("1.1", output=["parts"], flags=("directory",))
    run.finish("1.1", output=["parts"])
    run.end()
    assert renku("show", "parts/deep/1.txt").out.startswith("job 1.1 ")


def test_an_unreadable_latest_journal_does_not_hide_an_older_maker(
    journal: Any, renku: Any
) -> None:
    run = journal(FIRST)
    run.job("1.1", output=["a.txt"])
    run.end()
    run.writer.path.with_stem(SECOND).write_bytes(b"")
    assert renku("show", "a.txt").out.startswith("job 1.1 ")


@pytest.mark.usefixtures("one_job")
def test_a_name_that_is_no_utf8_is_looked_for_like_any_other(renku: Any) -> None:
    assert renku("show", "caf\udce9.txt").status == 2


@pytest.mark.usefixtures("one_job")
def test_what_is_neither_job_nor_output_is_an_error(renku: Any) -> None:
    result = renku("show", "99")
    assert result.status == 2
    assert "'99' is neither a job of the latest run nor a file" in result.err


@pytest.mark.usefixtures("one_job")
def test_json_holds_the_run_and_the_job(renku: Any) -> None:
    document = renku("show", "12", "--json").json
    assert set(document) == {"format", "run", "job"}
    assert document["job"]["status"] == "success"
    assert document["job"]["record"]["usage"]["max_rss"] == 2_500_000_000
    assert document["run"]["info"]["git"]["commit"] == "0123456789abcdef"


def test_a_failed_job_is_no_failure_of_the_command(journal: Any, renku: Any, failure: Any) -> None:
    run = journal()
    run.job("12.1", failure=failure)
    run.end("failed")
    assert renku("show", "12").status == 0
