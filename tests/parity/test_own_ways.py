"""What has no counterpart in Snakemake's own executor, and what takes more than one run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .harness import BUILT_IN, Case, Result, Snakemakes, environment, look, run, write_files


def test_params_that_depend_on_the_attempt_are_evaluated_for_each(
    snakemakes: Snakemakes, tmp_path: Path
) -> None:
    """Snakemake itself keeps those of the first attempt, and so fails here."""
    case = Case(
        "attempts",
        {
            "Snakefile": """
            rule a:
                output: "a.txt"
                params: n=lambda wc, resources: resources.n
                resources: n=lambda wc, attempt: attempt
                shell: "echo {params.n} > {output}; test {params.n} -eq 2"
            """
        },
        args=("--retries", "1"),
    )
    for start in ("auto", "warm"):
        folder = tmp_path / start
        folder.mkdir()
        result = run(snakemakes, case, start, folder)
        assert result.code == 0, result.stderr
        assert result.text("a.txt") == "2\n"
        assert "Nothing to be done" in result.dry


def test_any_text_in_the_configuration_reaches_a_run_directive(
    snakemakes: Snakemakes, tmp_path: Path
) -> None:
    """Snakemake itself hands it on in a command line, on which a double quote is one too many."""
    text = 'it\'s "so" $HOME `id` \\ \\n ü {x} %s; *'
    case = Case(
        "odd text",
        {
            "Snakefile": """
            rule a:
                output: "a.txt"
                run: open(output[0], "w").write(config["odd"])
            """
        },
        args=("--config", f"odd={text}"),
    )
    result = run(snakemakes, case, "auto", tmp_path)
    assert result.code == 0, result.stderr
    assert result.text("a.txt") == text


GROWING = """
include: "more.smk"
rule all:
    input: expand("{n}.txt", n=range(2))
rule a:
    input: lambda wc: [] if wc.n == "0" else f"{int(wc.n) - 1}.txt"
    output: "{n}.txt"
    run:
        with open(output[0], "w") as f: f.write(MORE)
        with open("more.smk", "a") as f: f.write(f"MORE = 'changed by {wildcards.n}'\\n")
"""


def test_sources_that_change_during_a_run_change_nothing_in_it_and_that_is_told_once(
    snakemakes: Snakemakes, tmp_path: Path
) -> None:
    """Snakemake keeps a copy of each Snakefile for the time of a run, and its jobs read that."""
    case = Case("growing", {"Snakefile": GROWING, "more.smk": "MORE = 'first'\n"})
    for start in (BUILT_IN, "auto"):
        folder = tmp_path / start
        folder.mkdir()
        result = run(snakemakes, case, start, folder)
        assert result.code == 0, result.stderr
        assert [result.text(f"{n}.txt") for n in range(2)] == ["first"] * 2
        told = 1 if start == "auto" else 0
        assert result.stderr.count("The workflow's sources changed") == told


THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=(1,), daemon=True, name="mine").start()
rule all:
    input: "a.txt", "b.txt"
rule a:
    output: "a.txt"
    run: open(output[0], "w").close()
rule b:
    output: "b.txt"
    script: "s.py"
"""


def test_a_workflow_that_starts_threads_is_run_cold_and_that_is_told_once(
    snakemakes: Snakemakes, tmp_path: Path
) -> None:
    case = Case("thread", {"Snakefile": THREAD, "s.py": "open(snakemake.output[0], 'w').close()"})
    result = run(snakemakes, case, "auto", tmp_path)
    assert result.code == 0, result.stderr
    assert {r.mode for r in result.records if r.mode != "snakemake"} == {"cold"}
    assert result.stderr.count("started cold, since the Snakefile starts threads (mine)") == 1


KILLED = """
rule all:
    input: "b.txt"
rule a:
    output: "a.txt"
    {code}
rule b:
    input: "a.txt"
    output: "b.txt"
    shell: "cp {{input}} {{output}}"
"""
COMMAND = "echo x >> ran.txt; echo half > {output}; test -e go || sleep 100; echo whole >> {output}"
SHELL = f'shell: "{COMMAND}"'
RUN = f'run: shell("{COMMAND}")'


@pytest.mark.parametrize(
    ("start", "code"),
    [("auto", SHELL), ("warm", SHELL), ("auto", RUN)],
    ids=["direct", "warm", "run directive"],
)
def test_what_a_killed_run_left_half_is_made_again(
    start: str, code: str, snakemakes: Snakemakes, tmp_path: Path
) -> None:
    case = Case("killed", {"Snakefile": KILLED.format(code=code)}, args=("--nolock",))
    write_files(case, tmp_path)
    ours = ["--executor", "renku", "--jobs", "2", "--renku-start", start, "--nolock"]
    with subprocess.Popen(
        [sys.executable, "-m", "snakemake", *ours],
        cwd=tmp_path,
        env=environment({}),
        stderr=subprocess.DEVNULL,
    ) as process:
        _until(lambda: (tmp_path / "a.txt").is_file() and (tmp_path / "a.txt").stat().st_size > 0)
        jobs = _processes_in(tmp_path) - {process.pid}
        process.send_signal(signal.SIGKILL)
    assert jobs
    _until(lambda: not _processes_in(tmp_path))
    assert list((tmp_path / ".snakemake/incomplete").iterdir())
    (tmp_path / "go").touch()

    if (tmp_path / "a.txt").exists():
        refused, _, words = snakemakes.run(ours, tmp_path)
        assert (refused, "IncompleteFilesException" in words) == (1, True)
    else:
        # Told to end, Snakemake in the job removes what is half-written.
        assert start == "warm" or code == RUN
    again = snakemakes.run([*ours, "--rerun-incomplete"], tmp_path)
    result: Result = look(snakemakes, case, start, tmp_path, again)
    assert result.code == 0, result.stderr
    assert result.text("b.txt") == "half\nwhole\n"
    assert result.text("ran.txt") == "x\nx\n"
    assert not result.state
    assert "Nothing to be done" in result.dry


def _until(condition: object, patience: float = 30.0) -> None:
    end = time.monotonic() + patience
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def _processes_in(folder: Path) -> set[int]:
    """Processes whose working directory is ``folder``."""
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.readlink(f"/proc/{entry}/cwd") == str(folder):
                    found.add(int(entry))
            except OSError:
                continue
    return found
