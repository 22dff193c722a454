"""``snakemake-renku log --efficiency``, on journals and on a real run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.journal import JobFinished
from snakemake_renku.model import JobRecord, Usage
from tests.cli.conftest import failure, journal, renku

__all__ = ["failure", "journal", "renku"]

SNAKEFILE = """
rule all:
    input: expand("held{i}", i=range(3)), "spun"

rule hold:
    output: "held{i}"
    threads: 2
    resources: mem_mb=4000
    shell:
        "{PYTHON} -c 'x = bytearray(150_000_000); import time; time.sleep(2.2)'; touch {output}"

rule spin:
    output: "spun"
    resources: runtime=60
    shell: "timeout 3 {PYTHON} -c 'while True: pass' || touch {output}"
"""


def test_a_real_run_tells_what_would_do(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("{PYTHON}", sys.executable))
    command = [sys.executable, "-m", "snakemake", "--executor", "renku", "--jobs", "4"]
    done = subprocess.run([*command, "--cores", "6"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "snakemake_renku", "log", "--efficiency"]
    out = subprocess.run(
        [*command, "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    rules = {each["rule"]: each for each in json.loads(out)["rules"]}
    hold = {each["resource"]: each for each in rules["hold"]["suggestions"]}
    assert rules["hold"]["jobs"] == rules["hold"]["seen"] == 3
    assert hold["mem_mb"]["kind"] == "lower"
    assert 180 <= hold["mem_mb"]["value"] <= 300
    assert hold["threads"]["value"] == 1
    spin = {each["resource"]: each for each in rules["spin"]["suggestions"]}
    assert spin["runtime"]["value"] == 1
    assert spin["mem_mb"]["kind"] == "ask"
    assert "threads" not in spin
    assert rules["spin"]["reliance"] == "from 1 job only"
    table = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    (line,) = [line for line in table.stdout.splitlines() if line.startswith("hold ")]
    assert "4.0 GB" in line
    assert "threads=1 would do" in line


def measured(run: Any, id: str, **usage: Any) -> None:
    run.submit(id)
    use = {"wall_s": 12.0, "user_s": 6.0, "system_s": 3.0, "max_rss": 100_000_000} | usage
    record = JobRecord(id, "direct", 1.0, 13.0, "node1", 42, (), exit_code=0, usage=Usage(**use))
    run.add(JobFinished(13.0, record))


def test_the_latest_run_is_meant_and_a_rule_can_be_chosen(journal: Any, renku: Any) -> None:
    run = journal()
    for number in range(1, 5):
        measured(run, f"{number}.1")
    run.end()
    (row,) = renku("log", "--efficiency", "--rule", "align").out.splitlines()[1:]
    assert row.startswith("align     4     2.0 GB  100.0 MB  100.0 MB        2   0.75")
    assert "mem_mb=130 would do (peak 100 MB + 25 %)" in row
    assert renku("log", "latest", "--efficiency").out.count("\n") == 2


def test_attempts_that_failed_do_not_count_but_are_told(
    journal: Any, renku: Any, failure: Any
) -> None:
    run = journal()
    run.job("1.1", failure=failure)
    measured(run, "1.2", max_rss=1_900_000_000)
    run.end()
    (rule,) = renku("log", "--efficiency", "--json").json["rules"]
    assert (rule["jobs"], rule["ok"], rule["killed_for_memory"]) == (1, 1, 1)
    assert rule["memory"]["most"] == 1_900_000_000
    assert rule["suggestions"][0]["words"] == (
        "killed for memory once (at mem_mb=2000): mem_mb=2400 (peak 1.9 GB + 25 %)"
    )


def test_jobs_that_were_over_at_once_say_so(journal: Any, renku: Any) -> None:
    run = journal()
    measured(run, "1.1", max_rss=0, wall_s=0.01, user_s=0.01, system_s=0)
    run.end()
    row = renku("log", "--efficiency").out.splitlines()[1]
    assert "too short to see how much memory it uses; too short to see how many cores" in row
    assert "(from 1 job only)" in row


@pytest.mark.parametrize("option", [("--failed",), ("--limit", "3")])
def test_what_makes_no_sense_with_it_is_refused(
    journal: Any, renku: Any, option: tuple[str, ...]
) -> None:
    journal().end()
    result = renku("log", "--efficiency", *option)
    assert result.status != 0
    assert "--efficiency looks at all jobs" in result.err


def test_a_rule_that_the_run_does_not_have_is_told(journal: Any, renku: Any) -> None:
    journal().end()
    result = renku("log", "--efficiency", "--rule", "nope")
    assert "has no jobs of a rule nope" in result.err
