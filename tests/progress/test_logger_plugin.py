"""Real runs of Snakemake with ``--logger renku``, through pipes and on terminals."""

import logging
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from snakemake_logger_plugin_renku import LogHandler, LogHandlerSettings

from snakemake_renku.observe import observe, subscribe

CHECKOUT = Path(__file__).parents[2]
PLUGINS = CHECKOUT / "snakemake_renku" / "plugins"

FULL_SCREEN = "\x1b[r"

THREE = """
    rule all:
        input: expand("out/{name}.txt", name=["a", "b", "c"])
    rule make:
        output: "out/{name}.txt"
        shell: "echo made {wildcards.name} >&2; touch {output}"
"""

FAILING = """
    rule all:
        input: "out.txt"
    rule breaks:
        output: "out.txt"
        log: "breaks.log"
        shell: "echo because ödness > {log}; exit 3"
"""

Workflow = Callable[[str], Path]


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    def write(text: str) -> Path:
        (tmp_path / "Snakefile").write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path

    return write


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR")}
    path = os.pathsep.join([str(CHECKOUT), str(PLUGINS), os.environ.get("PYTHONPATH", "")])
    return {**kept, "PYTHONPATH": path, "TERM": "xterm-256color", **more}


def command(*options: str) -> list[str]:
    return [
        "-m",
        "snakemake",
        "--logger",
        "renku",
        "--cores",
        "2",
        "--scheduler",
        "greedy",
        *options,
    ]


def snakemake(folder: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command(*options)],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def on_terminal(
    folder: Path, *options: str, size: tuple[int, int] = (24, 80), **more: str
) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable,
        command(*options),
        cwd=str(folder),
        env=environment(**more),
        dimensions=size,
        encoding="utf-8",
        timeout=60,
    )


def screen(folder: Path, *options: str, size: tuple[int, int] = (24, 80), **more: str) -> str:
    process = on_terminal(folder, *options, size=size, **more)
    process.expect(pexpect.EOF)
    return str(process.before)


def test_through_a_pipe_each_job_has_a_line(workflow: Workflow) -> None:
    done = snakemake(workflow(THREE))
    assert done.returncode == 0
    assert "4 jobs: make 3, all 1\n" in done.stderr
    assert len(re.findall(r"^\[\d/4 .*\] done: make \(job \d, name=.\)", done.stderr, re.M)) == 3
    assert done.stderr.rstrip().splitlines()[-1].startswith("All 4 jobs done in ")


def test_nothing_is_drawn_into_a_pipe(workflow: Workflow) -> None:
    assert "\x1b" not in snakemake(workflow(THREE)).stderr


def test_a_failing_job_is_shown_with_its_log(workflow: Workflow) -> None:
    done = snakemake(workflow(FAILING), "--show-failed-logs")
    assert done.returncode == 1
    assert "Error in rule breaks:" in done.stderr
    assert "log: breaks.log (check log file(s) for error details)" in done.stderr
    assert "because ödness" in done.stderr
    assert "0 of 2 jobs done, 1 failed (breaks 1), 1 not done" in done.stderr


def test_a_retried_job_that_succeeds_is_no_failure(workflow: Workflow) -> None:
    folder = workflow("""
        rule make:
            output: "out.txt"
            retries: 1
            shell: "if [ -e tried ]; then touch {output}; else touch tried; exit 1; fi"
    """)
    done = snakemake(folder)
    assert done.returncode == 0
    assert "done: make (job 0, attempt 2)" in done.stderr
    assert "All 1 job done in " in done.stderr


def test_jobs_that_a_checkpoint_adds_are_counted(workflow: Workflow) -> None:
    folder = workflow("""
        def parts(wildcards):
            folder = checkpoints.scatter.get().output[0]
            return expand("done/{n}", n=glob_wildcards(folder + "/{n}.part").n)
        rule all:
            input: parts
        checkpoint scatter:
            output: directory("parts")
            shell: "mkdir -p {output}; touch {output}/1.part {output}/2.part"
        rule work:
            input: "parts/{n}.part"
            output: "done/{n}"
            shell: "touch {output}"
    """)
    done = snakemake(folder)
    assert done.returncode == 0, done.stderr
    assert "All 4 jobs done in " in done.stderr


def test_a_dry_run_says_on_standard_output_what_would_run(workflow: Workflow) -> None:
    done = snakemake(workflow(THREE), "--dry-run")
    assert done.returncode == 0
    assert done.stdout.count("rule make (job ") == 3
    assert "    output: out/a.txt\n    reason: Missing output files: out/a.txt" in done.stdout
    assert done.stdout.count("Job stats:") == 1


def test_a_quiet_dry_run_shows_the_table_alone(workflow: Workflow) -> None:
    done = snakemake(workflow(THREE), "--dry-run", "--quiet")
    assert re.search(r"^make +3$", done.stdout, re.M)
    assert "rule make" not in done.stdout


def test_all_quiet_says_nothing_of_a_run_that_goes_well(workflow: Workflow) -> None:
    folder = workflow(THREE.replace("echo made {wildcards.name} >&2; ", ""))
    assert snakemake(folder, "--quiet", "all").stderr == ""


def test_names_beyond_ascii_are_shown(workflow: Workflow) -> None:
    folder = workflow("""
        rule make:
            output: "Zürich-日本.txt"
            message: "Grüße für {output}"
            shell: "touch {output}"
    """)
    assert "Grüße für Zürich-日本.txt" in snakemake(folder).stderr


def test_an_encoding_without_a_name_does_not_end_the_run(workflow: Workflow) -> None:
    folder = workflow("""
        rule make:
            output: "out.txt"
            message: "Grüße"
            shell: "touch {output}"
    """)
    done = snakemake(folder, PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 0
    assert "Gr\\xfc\\xdfe" in done.stderr


def test_a_terminal_is_divided_and_given_back(workflow: Workflow) -> None:
    text = screen(workflow(THREE))
    assert re.search(r"\x1b\[1;\d+r", text)
    after = text[text.rindex(FULL_SCREEN) :]
    assert "All 4 jobs done in " in after


def test_a_terminal_shows_counts_by_rule(workflow: Workflow) -> None:
    slow = THREE.replace("touch", "sleep 1; touch")
    text = screen(workflow(slow), "--nocolor")
    assert re.search(r"make +\S+ +2/3", text)
    assert re.search(r"all jobs +\S* +2/4", text)


def test_what_jobs_print_on_a_terminal_is_kept(workflow: Workflow) -> None:
    text = screen(workflow(THREE))
    for name in "abc":
        assert f"made {name}\r\n" in text


def test_an_error_on_a_terminal_is_shown_in_full(workflow: Workflow) -> None:
    text = screen(workflow(FAILING), "--nocolor")
    assert "Error in rule breaks:\r\n" in text
    assert "1 failed (breaks 1)" in text[text.rindex(FULL_SCREEN) :]


def test_the_terminal_is_given_back_after_an_interrupt(workflow: Workflow) -> None:
    folder = workflow("""
        rule sleep:
            output: "out.txt"
            shell: "echo sleeping; sleep 60; touch {output}"
    """)
    process = on_terminal(folder)
    process.expect("sleeping")
    process.expect("1 running")
    process.sendintr()
    process.expect(pexpect.EOF)
    assert FULL_SCREEN in process.before


def test_the_terminal_is_given_back_after_an_error_in_the_workflow(workflow: Workflow) -> None:
    folder = workflow("""
        rule all:
            input: "b.txt"
        rule a:
            output: "a.txt"
            shell: "sleep 1; touch {output}"
        rule b:
            input: "a.txt"
            output: "b.txt"
            params: lambda wildcards, input: open(input[0]).read()[99]
            shell: "touch {output}"
    """)
    text = screen(folder, "--nocolor")
    assert FULL_SCREEN in text
    assert "string index out of range" in text


@pytest.mark.parametrize(("options", "more"), [(["--nocolor"], {}), ([], {"NO_COLOR": "1"})])
def test_colours_can_be_switched_off(
    workflow: Workflow, options: list[str], more: dict[str, str]
) -> None:
    text = screen(workflow(FAILING), *options, **more)
    assert not re.search(r"\x1b\[(\d+;)*[349]\d[;m]", text)


@pytest.mark.parametrize("size", [(24, 20), (5, 80), (8, 40)])
def test_a_small_terminal_is_fine(workflow: Workflow, size: tuple[int, int]) -> None:
    text = screen(workflow(THREE), size=size)
    assert "All 4 jobs done in " in text.replace("\r\n", "")


def test_a_dumb_terminal_gets_lines(workflow: Workflow) -> None:
    text = screen(workflow(THREE), TERM="dumb")
    assert "\x1b" not in text
    assert "done: make" in text


def test_the_progress_display_can_be_refused(workflow: Workflow) -> None:
    text = screen(workflow(THREE), "--logger-renku-progress", "never")
    assert "done: make" in text
    assert FULL_SCREEN not in text


class _Settings:
    stdout = False
    quiet = None
    nocolor = True


def test_observers_see_records_that_are_not_shown() -> None:
    seen: list[logging.LogRecord] = []
    unsubscribe = subscribe(seen.append)
    handler = LogHandler(_Settings(), LogHandlerSettings(progress="never"))
    record = logging.makeLogRecord({"msg": "None", "levelno": logging.DEBUG, "event": "x"})
    handler.emit(record)
    unsubscribe()
    handler.emit(record)
    assert seen == [record]


def test_an_observer_that_fails_stops_nothing() -> None:
    seen: list[logging.LogRecord] = []

    def fails(record: logging.LogRecord) -> None:
        raise ValueError

    both = subscribe(fails), subscribe(seen.append)
    observe(logging.makeLogRecord({}))
    for unsubscribe in both:
        unsubscribe()
    assert len(seen) == 1


def test_a_record_that_cannot_be_worded_is_shown_bare(capsys: pytest.CaptureFixture[str]) -> None:
    class Awkward:
        def __str__(self) -> str:
            raise ValueError

    handler = LogHandler(_Settings(), LogHandlerSettings(progress="never"))
    fields = {"msg": "It broke.", "levelno": logging.ERROR, "event": "job_error"}
    handler.emit(logging.makeLogRecord({**fields, "rule_name": Awkward()}))
    assert "It broke." in capsys.readouterr().err


def test_importing_the_plugin_imports_nothing_of_weight() -> None:
    code = (
        "import sys, snakemake_interface_logger_plugins.base; before = set(sys.modules);"
        "import snakemake_logger_plugin_renku; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["snakemake_logger_plugin_renku"]
