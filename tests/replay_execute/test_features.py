"""All that a workflow may use, run once, cloned, and executed again in the clone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_renku.journal import find_run, read_run
from snakemake_renku.replay.execute import Began, Ended

from .conftest import Project, Replay, replay

SNAKEFILE = """
configfile: "config/config.yaml"
HERE = os.getcwd()

localrules: at_home

rule all:
    input:
        "out/shell.txt", "out/script.json", "out/config.txt", "out/last.txt", "out/gathered.txt",
        "out/counted.txt", "out/benchmarked.txt", "out/grouped.txt", "out/at_home.txt",
        "out/piped.txt", "out/shadowed.txt", "out/run.txt", "out/touched", "out/appended.txt",
        f"{HERE}/out/absolute.txt", "out/threads.txt",
        expand("odd/{name}.txt", name=config["names"])
rule shell:
    input: "data/in.txt"
    output: "out/shell.txt"
    shell: "sort -r {input} > {output}"
rule script:
    input: "data/in.txt"
    output: "out/script.json"
    params: factor=3
    log: "logs/script.log"
    script: "scripts/script.py"
rule config:
    output: "out/config.txt"
    params: config=lambda w: "{} {} {}".format(config["aa"], config["bb"], config["cc"])
    shell: "echo {params.config} > {output}"
rule first:
    output: temp("tmp/first.txt")
    shell: "echo first > {output}"
rule last:
    input: "tmp/first.txt"
    output: "out/last.txt"
    shell: "cat {input} {input} > {output}"
checkpoint scatter:
    output: directory("parts")
    shell: "mkdir {output}; for i in 1 2 3; do echo $i > {output}/$i.txt; done"
rule each:
    input: "parts/{i}.txt"
    output: "out/each/{i}.txt"
    shell: "cat {input} {input} > {output}"
def parts(wildcards):
    folder = checkpoints.scatter.get().output[0]
    return expand("out/each/{i}.txt", i=sorted(glob_wildcards(folder + "/{i}.txt").i))
rule gather:
    input: parts
    output: "out/gathered.txt"
    shadow: "minimal"
    shell: "cat {input} > {output}"
rule count:
    input: "parts"
    output: "out/counted.txt"
    shell: "ls {input} | wc -l > {output}"
rule benchmarked:
    output: "out/benchmarked.txt"
    log: "logs/benchmarked.log"
    benchmark: "benchmarks/benchmarked.tsv"
    shell: "echo done > {output} 2> {log}"
rule group_a:
    output: temp("tmp/group.txt")
    group: "both"
    shell: "echo a > {output}"
rule group_b:
    input: "tmp/group.txt"
    output: "out/grouped.txt"
    group: "both"
    shell: "cat {input} > {output}; echo b >> {output}"
rule at_home:
    input: "out/shell.txt"
    output: "out/at_home.txt"
    shell: "wc -l < {input} > {output}"
rule into_pipe:
    output: pipe("tmp/pipe")
    shell: "seq 5 > {output}"
rule out_of_pipe:
    input: "tmp/pipe"
    output: "out/piped.txt"
    shell: "cat {input} > {output}"
rule shadowed:
    input: "data/in.txt"
    output: "out/shadowed.txt"
    shadow: "minimal"
    shell: "cp {input} rubbish; cat rubbish > {output}"
rule run:
    output: "out/run.txt"
    run:
        with open(output[0], "w") as file:
            file.write(config["bb"])
rule touched:
    output: touch("out/touched")
    shell: "true"
rule append:
    output: "out/appended.txt"
    shell: "echo line >> {output}"
rule absolute:
    input: f"{HERE}/data/in.txt"
    output: f"{HERE}/out/absolute.txt"
    shell: "cp '{input}' '{output}'; test -f {HERE}/data/in.txt"
rule threads:
    output: "out/threads.txt"
    threads: 8
    shadow: "minimal"
    shell: "echo {threads} > {output}"
rule odd:
    output: "odd/{name}.txt"
    shell: "echo {wildcards.name:q} > {output:q}"
"""

SCRIPT = """
import json
import helper
numbers = [snakemake.params.factor * int(line) for line in open(snakemake.input[0])]
json.dump({"sum": helper.add(numbers)}, open(snakemake.output[0], "w"))
print("logged", file=open(snakemake.log[0], "w"))
"""

NAMES = ["-it's", 'a "b" c', "new\nline", "grün €", "$HOME & more; *", "back\\slash"]


@pytest.fixture(scope="module")
def project(scratch: Callable[[str], Path]) -> Project:
    project = Project(scratch("features"))
    project.write("Snakefile", SNAKEFILE)
    project.write(
        "config/config.yaml", f"names: {NAMES!r}\naa: of the file\nbb: of the file\ncc: 1\n"
    )
    project.write("config/more.yaml", "bb: of another file\ncc: 2\n")
    project.write("data/in.txt", "1\n2\n3\n")
    project.write("scripts/script.py", SCRIPT)
    project.write("scripts/helper.py", "def add(numbers): return sum(numbers)\n")
    project.begin()
    project.run("--configfile", "config/more.yaml", "--config", "cc=3", "aa=given")
    project.commit()
    return project


@pytest.fixture(scope="module")
def replayed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    clone = project.clone(tmp_path_factory.mktemp("clones") / "clone")
    return replay(project, clone, cores=4)


RULES = [
    "shell", "script", "config", "first", "last", "scatter", "each", "gather", "count",
    "group_b", "out_of_pipe", "at_home", "shadowed", "run", "touched", "append", "absolute",
    "threads", "odd",
]  # fmt: skip


def test_every_job_is_executed_and_ends_well(replayed: Replay) -> None:
    bad = {id: executed for id, executed in replayed.executed.items() if not executed.ok}
    assert bad == {}


@pytest.mark.parametrize("rule", RULES)
def test_what_a_rule_makes_is_made_again(replayed: Replay, rule: str) -> None:
    assert replayed.recorded(rule)
    assert replayed.recorded(rule).items() <= replayed.replayed(rule).items()


def test_more_cores_than_recorded_give_no_job_more_threads(replayed: Replay) -> None:
    assert (replayed.clone / "out/threads.txt").read_text() == "2\n"


def test_what_was_made_before_is_not_touched(replayed: Replay, project: Project) -> None:
    (job,) = replayed.jobs("absolute")
    recorded = job.record.steps[0].output[0] if job.record else None
    place = project.workdir / "out/absolute.txt"
    assert recorded is not None
    assert recorded.path == str(place)
    assert place.stat().st_mtime < replayed.events[0].time


def test_temporary_files_stay_until_the_replay_is_judged(replayed: Replay) -> None:
    assert (replayed.clone / "tmp/first.txt").read_text() == "first\n"


def test_jobs_start_after_those_whose_files_they_read(replayed: Replay) -> None:
    (last,) = replayed.jobs("last")
    (first,) = replayed.jobs("first")
    told = [(type(event), getattr(event, "id", None)) for event in replayed.events]
    assert told.index((Ended, first.spec.id)) < told.index((Began, last.spec.id))


def test_the_replay_has_a_journal_of_its_own(replayed: Replay) -> None:
    journal = read_run(find_run(replayed.clone))
    assert journal.status == "success"
    assert journal.info.workdir == os.path.realpath(replayed.clone)
    assert set(journal.jobs) == set(replayed.executed)
    assert all(journal.state(job) == "success" for job in journal.jobs.values())


def test_plain_commands_need_no_snakemake_beside_them(replayed: Replay) -> None:
    executed = replayed.one("shell")
    assert executed.record is not None
    assert executed.record.mode == "direct"
