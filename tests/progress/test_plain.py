import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.progress.out import Out, can_draw, wants_color
from snakemake_renku.progress.plain import LEAST_S, PlainDisplay
from snakemake_renku.progress.reporter import Reporter
from snakemake_renku.progress.shown import Shown
from snakemake_renku.progress.text import clean, duration, percent


class Run:
    """A reporter of lines, a clock that the test sets, and what was written."""

    def __init__(self, stream: io.TextIOBase | None = None, **shown: Any) -> None:
        self.now = 0.0
        self.stream = stream or io.StringIO()
        settings = Shown(**shown)
        display = PlainDisplay(Out(self.stream, color=False), settings)  # type: ignore[arg-type]
        self.reporter = Reporter(settings, display, clock=lambda: self.now)

    def tell(
        self, event: str | None, msg: str | None = None, level: int = logging.INFO, **fields: Any
    ) -> None:
        record = logging.makeLogRecord({"msg": msg, "levelno": level, "event": event, **fields})
        self.reporter.handle(record)

    def plan(self, **stats: int) -> None:
        self.tell("run_info", "Job stats:", stats={**stats, "total": sum(stats.values())})

    def start(self, jobid: int, rule: str = "align", **fields: Any) -> None:
        self.tell("job_info", jobid=jobid, rule_name=rule, **fields)

    def finish(self, jobid: int) -> None:
        self.tell("job_finished", job_id=jobid)

    def fail(self, jobid: int, **fields: Any) -> None:
        fields = {"rule_name": "align", "rule_msg": None, "aux": {}, "log": [], **fields}
        self.tell("job_error", "Error in rule", logging.ERROR, jobid=jobid, **fields)

    @property
    def text(self) -> str:
        assert isinstance(self.stream, io.StringIO)
        return self.stream.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def test_the_plan_is_one_line() -> None:
    run = Run()
    run.plan(align=3, sort=1)
    assert run.lines == ["4 jobs: align 3, sort 1"]


def test_a_finished_job_has_a_line() -> None:
    run = Run()
    run.plan(align=3, sort=1)
    run.start(7, wildcards={"sample": "Zürich"})
    run.now = 12.0
    run.finish(7)
    assert run.lines[-1] == "[1/4  25%] done: align (job 7, sample=Zürich) in 12 s"


def test_a_failed_job_has_its_error_and_a_line() -> None:
    run = Run()
    run.plan(align=3, sort=1)
    run.start(7)
    run.fail(7)
    assert "Error in rule align:" in run.lines
    assert run.lines[-1] == "[0/4   0%] failed: align (job 7) in 0.0 s"


def test_a_second_attempt_is_told_as_such() -> None:
    run = Run()
    run.plan(align=1)
    run.start(7)
    run.fail(7)
    run.start(7)
    run.finish(7)
    assert run.lines[-1] == "[1/1 100%] done: align (job 7, attempt 2) in 0.0 s"


def test_many_jobs_have_a_line_for_each_twentieth_of_them() -> None:
    run = Run()
    run.plan(align=1000)
    for job in range(1000):
        run.now += LEAST_S / 10
        run.start(job)
        run.finish(job)
    assert len(run.lines) == 1 + 21


def test_many_quick_jobs_have_a_line_every_two_seconds_at_most() -> None:
    run = Run()
    run.plan(align=1000)
    for job in range(1000):
        run.now += 0.01
        run.start(job)
        run.finish(job)
    assert len(run.lines) <= 1 + 1 + 10.0 / LEAST_S + 1


def test_many_slow_jobs_have_a_line_a_minute() -> None:
    run = Run()
    run.plan(align=1000)
    for job in range(12):
        run.start(job)
        run.now += 20.0
        run.finish(job)
    assert len(run.lines) == 1 + 4


def test_the_last_of_many_jobs_has_a_line() -> None:
    run = Run()
    run.plan(align=300)
    for job in range(300):
        run.start(job)
        run.finish(job)
    assert run.lines[-1].startswith("[300/300 100%]")


def test_an_error_shows_all_that_snakemake_tells() -> None:
    run = Run()
    run.start(7)
    run.fail(
        7,
        rule_msg="killed",
        input=["in.txt"],
        output=["out.txt", "out2.txt"],
        log=["a.log"],
        conda_env="env",
        container_img="docker://x",
        shellcmd="false\ntrue",
        aux={"external_jobid": "j-1"},
    )
    assert "\n".join(run.lines) == (
        "Error in rule align:\n"
        "    message: killed\n"
        "    jobid: 7\n"
        "    input: in.txt\n"
        "    output: out.txt, out2.txt\n"
        "    log: a.log (check log file(s) for error details)\n"
        "    conda-env: env\n"
        "    container: docker://x\n"
        "    shell:\n"
        "        false\n"
        "        true\n"
        "    external_jobid: j-1\n"
        "[0/0   0%] failed: align (job 7) in 0.0 s"
    )


def test_the_logs_of_a_failed_job_are_shown_if_asked_for(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("10%\r50%\r100%\nit broke: \x1b[31mödness\x1b[0m\n")
    run = Run(failed_logs=True)
    run.start(7)
    run.fail(7, log=[str(log), str(tmp_path / "b.log")])
    assert "100%\nit broke: ödness\n" in run.text
    assert f"Log file {tmp_path}/b.log: not found" in run.text


def test_of_a_huge_log_the_end_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x\n" * 1_000_000 + b"the end\n")
    run = Run(failed_logs=True)
    run.fail(7, log=[str(log)])
    assert "the first 1000008 bytes are in the file only" in run.text
    assert "the end\n" in run.text


def test_the_error_of_a_group_names_its_jobs() -> None:
    run = Run()
    info = {"rule_name": "align", "jobid": 3, "output": ["o"], "log": ["l"]}
    run.tell("group_error", level=logging.ERROR, groupid="g", aux_logs=["x"], job_error_info=[info])
    assert "Error in group g:" in run.lines
    assert "        rule align (jobid 3):" in run.lines


def test_the_outcome_of_a_run_that_went_well_is_its_last_line() -> None:
    run = Run()
    run.plan(align=1)
    run.start(1)
    run.now = 3725.0
    run.finish(1)
    run.reporter.close()
    assert run.lines[-1] == "All 1 job done in 1:02:05 h."


def test_the_outcome_of_a_failed_run_names_the_rules_that_failed() -> None:
    run = Run()
    run.plan(align=2, sort=1)
    run.start(1)
    run.fail(1)
    run.now = 20.0
    run.reporter.close()
    assert run.lines[-1] == "0 of 3 jobs done, 1 failed (align 1), 2 not done, in 20 s."


def test_nothing_is_added_where_no_job_was_started() -> None:
    run = Run()
    run.tell(None, "Nothing to be done.")
    run.reporter.close()
    assert run.lines == ["Nothing to be done."]


@pytest.mark.parametrize("quiet", [set(), {"progress"}, {"rules", "progress"}, {"all"}])
def test_errors_are_shown_however_quiet(quiet: set[str]) -> None:
    run = Run(quiet=frozenset(quiet))
    run.fail(7)
    run.tell(None, "It all went wrong.", logging.CRITICAL)
    assert "Error in rule align:" in run.lines
    assert "It all went wrong." in run.lines


@pytest.mark.parametrize(
    ("quiet", "shown"), [(set(), True), ({"progress", "rules", "host"}, True), ({"all"}, False)]
)
def test_warnings_are_shown_unless_all_is_quiet(quiet: set[str], shown: bool) -> None:
    run = Run(quiet=frozenset(quiet))
    run.tell(None, "Careful.", logging.WARNING)
    assert ("Careful." in run.lines) is shown


def test_quiet_about_progress_shows_no_counts() -> None:
    run = Run(quiet=frozenset({"progress"}))
    run.plan(align=1)
    run.start(1)
    run.finish(1)
    run.reporter.close()
    assert run.text == ""


def test_quiet_about_rules_shows_only_the_sum() -> None:
    run = Run(quiet=frozenset({"rules"}))
    run.plan(align=1)
    run.start(1)
    run.now = 4.0
    run.finish(1)
    assert run.lines == ["1 job", "[1/1 100%] 0 running, 4 s"]


def test_a_record_that_is_marked_for_a_quietness_is_hidden_by_it() -> None:
    run = Run(quiet=frozenset({"rules"}))
    run.tell(None, "Would remove temporary output x", quietness="RULES")
    assert run.text == ""


@pytest.mark.parametrize(("verbose", "shown"), [(True, True), (False, False)])
def test_debug_messages_are_shown_if_verbose(verbose: bool, shown: bool) -> None:
    run = Run(verbose=verbose)
    run.tell(None, "Ready jobs: 2", logging.DEBUG)
    assert ("Ready jobs: 2" in run.lines) is shown


@pytest.mark.parametrize(("debug_dag", "shown"), [(True, True), (False, False)])
def test_the_search_for_jobs_is_shown_if_asked_for(debug_dag: bool, shown: bool) -> None:
    run = Run(debug_dag=debug_dag)
    run.tell("debug_dag", "no such rule", logging.DEBUG, file="a.txt", exception="E")
    assert ("file a.txt:" in run.lines) is shown


def test_shell_commands_are_shown_with_their_job_if_asked_for() -> None:
    run = Run(printshellcmds=True)
    run.start(7)
    run.tell("shellcmd", "Shell command: x", shellcmd="echo 1")
    assert run.lines == ["rule align (job 7):", "    shell:", "        echo 1"]


def test_a_rule_without_a_command_shows_none() -> None:
    run = Run(printshellcmds=True)
    run.tell("shellcmd", "Shell command: None", shellcmd=None)
    assert run.text == ""


def test_the_message_of_a_rule_is_shown() -> None:
    run = Run()
    run.start(7, rule_msg="Aligning A")
    assert run.lines == ["Job 7: Aligning A"]


def test_an_absent_message_that_the_queue_made_text_of_is_not_shown() -> None:
    run = Run()
    run.tell("progress", "None", done=1, total=2)
    run.tell("rulegraph", "None")
    run.tell(None, "None")
    assert run.text == ""


def test_a_dry_run_shows_what_a_job_would_do_and_why() -> None:
    run = Run(dryrun=True)
    run.start(
        7,
        input=["in"],
        output=["out"],
        log=["l"],
        benchmark="b",
        reason="Missing output files: out",
        wildcards={"sample": "A"},
        threads=4,
        priority=2,
        resources={"mem_mb": 5, "_cores": 4},
    )
    assert run.text == (
        "rule align (job 7, sample=A, threads 4, priority 2):\n"
        "    input: in\n"
        "    output: out\n"
        "    log: l\n"
        "    benchmark: b\n"
        "    reason: Missing output files: out\n"
        "    resources: mem_mb=5\n"
    )


@pytest.mark.parametrize("quiet", [set(), {"progress", "rules"}, {"all"}])
def test_a_dry_run_shows_its_table_once_at_the_end(quiet: set[str]) -> None:
    run = Run(dryrun=True, quiet=frozenset(quiet))
    run.tell("run_info", "Job stats:\na 1\n", stats={"a": 1, "total": 1})
    if not quiet:
        run.start(7)
        run.tell("run_info", "Job stats:\na 1\n", stats={"a": 1, "total": 1})
    run.reporter.close()
    assert run.lines[-2:] == ["Job stats:", "a 1"]
    assert run.text.count("Job stats:") == 1


def test_a_stream_that_cannot_encode_a_name_gets_it_escaped() -> None:
    raw = io.BytesIO()
    run = Run(io.TextIOWrapper(raw, encoding="ascii"))
    run.tell(None, "Zürich … \udce9", logging.ERROR)
    assert raw.getvalue() == b"Z\\xfcrich ... \\udce9\n"


def test_a_closed_pipe_is_no_error() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    run = Run(Closed())
    run.plan(align=1)
    run.reporter.close()
    assert run.text == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "draws"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({}, False),
        ({"TERM": "xterm", "CI": "true"}, False),
        ({"TERM": "xterm-color", "JPY_PARENT_PID": "1"}, False),
    ],
)
def test_only_a_real_terminal_is_drawn_on(environ: dict[str, str], draws: bool) -> None:
    assert can_draw(Terminal(), environ) is draws


def test_a_pipe_is_never_drawn_on() -> None:
    assert not can_draw(io.StringIO(), {"TERM": "xterm"})


@pytest.mark.parametrize(
    ("environ", "nocolor", "colored"),
    [
        ({"TERM": "xterm"}, False, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, False),
        ({"TERM": "xterm"}, True, False),
    ],
)
def test_colour_can_be_switched_off(environ: dict[str, str], nocolor: bool, colored: bool) -> None:
    assert wants_color(Terminal(), environ, nocolor=nocolor) is colored


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (3600, "1:00:00 h"), (90_000, "1 d 01:00 h")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("done", "total", "text"), [(0, 0, "0%"), (999, 1000, "99%")])
def test_it_is_a_hundred_percent_only_at_the_end(done: int, total: int, text: str) -> None:
    assert percent(done, total) == text


@pytest.mark.parametrize("text", ["\x1b[2J", "\x1b[1;5r", "\x1b]0;title\x07", "\x1b7", "\x07"])
def test_what_would_move_the_cursor_is_taken_out(text: str) -> None:
    assert clean(f"a{text}b") == "ab"


def test_every_display_of_an_error_survives_missing_fields() -> None:
    events: list[Callable[[Run], None]] = [
        lambda run: run.tell("job_error", level=logging.ERROR),
        lambda run: run.tell("group_error", level=logging.ERROR),
        lambda run: run.tell("error", "boom", level=logging.ERROR),
    ]
    for tell in events:
        run = Run(failed_logs=True)
        tell(run)
        assert run.text
