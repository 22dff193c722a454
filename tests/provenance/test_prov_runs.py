"""What a PROV document says of runs, attempts, plans and agents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snakemake_renku.journal import JobFinished, JobStarted, JobSubmitted
from snakemake_renku.model import (
    Failure,
    FileSpec,
    GitState,
    JobRecord,
    JobSpec,
    ResolvedEnvironment,
    Software,
    SourceFile,
    Step,
    StepFiles,
    Usage,
)

from .prov_journals import START, Journal, digest, file, made, told


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def test_an_attempt_is_a_process_run_within_the_run(journal: Journal) -> None:
    journal.job("3.1", at=(1.5, 2.0))
    doc = told(journal.end())
    attempt = doc.one("Activity", type="http://purl.org/wf4ever/wfprov#ProcessRun")
    run = doc.one("Activity", type="http://purl.org/wf4ever/wfprov#WorkflowRun")
    assert doc.id(attempt) == "attempt__20260101T000000.000-0001__3.1"
    assert doc.value(attempt, "wasPartOfWorkflowRun") == doc.id(run)
    assert doc.value(attempt, "startTime").timestamp() == START + 1.5
    assert doc.value(attempt, "endTime").timestamp() == START + 2.0


def test_an_attempt_says_what_it_was_to_do(journal: Journal) -> None:
    step = {"wildcards": {"n": "1"}, "params": {"k": [1, None]}, "command": "tool -x"}
    resources: dict[str, int | str] = {"mem_mb": 500, "runtime": 2, "gpu": 1}
    journal.job("3.1", rule="fit", step=step, spec={"threads": 4, "resources": resources})
    doc = told(journal.end())
    attempt = doc.one("Activity", type="Attempt")
    assert doc.value(attempt, "label") == "fit n=1"
    assert json.loads(doc.value(attempt, "wildcards")) == {"n": "1"}
    assert json.loads(doc.value(attempt, "params")) == {"k": [1, None]}
    assert doc.value(attempt, "command") == "tool -x"
    assert doc.value(attempt, "threads") == 4
    assert doc.value(attempt, "requestedMemory") == 500
    assert doc.value(attempt, "requestedTime") == 120.0
    assert json.loads(doc.value(attempt, "resources")) == resources


def test_an_attempt_says_what_became_of_it(journal: Journal) -> None:
    usage = Usage(10.0, 8.0, 1.0, 5_000_000_000, 10, 20)
    journal.job("3.1", record={"usage": usage, "exceeded": ("mem_mb",)}, host="node7")
    doc = told(journal.end())
    attempt = doc.one("Activity", type="Attempt")
    assert doc.value(attempt, "status") == "success"
    assert doc.value(attempt, "exitCode") == 0
    assert doc.value(attempt, "maxMemory") == 5_000_000_000
    assert doc.value(attempt, "wallTime") == 10.0
    assert doc.value(attempt, "exceeded") == "mem_mb"
    host = doc.one("Agent", type="Host", hostName="node7")
    assert doc.value(attempt, "host") == doc.id(host)


def test_a_failed_attempt_says_how_it_failed(journal: Journal) -> None:
    journal.job("3.1", failure=Failure("timeout", "It took too long.", 143, 15))
    doc = told(journal.end("failed"))
    attempt = doc.one("Activity", type="Attempt")
    assert doc.value(attempt, "status") == "failed"
    assert doc.value(attempt, "failureKind") == "timeout"
    assert doc.value(attempt, "failureMessage") == "It took too long."


def test_a_job_that_never_began_is_no_activity(journal: Journal) -> None:
    step = Step("rule", "shell")
    journal.add(JobSubmitted(START, JobSpec("3.1", journal.run, "3", 1, "direct", (step,))))
    assert told(journal.end()).all("Activity", type="Attempt") == []


def test_a_job_that_was_cut_off_has_a_start_and_no_end(journal: Journal) -> None:
    step = Step("rule", "shell")
    journal.add(
        JobSubmitted(START, JobSpec("3.1", journal.run, "3", 1, "direct", (step,))),
        JobStarted(START + 1, "3.1", 7, "node1"),
    )
    doc = told(journal.read())
    attempt = doc.one("Activity", type="Attempt")
    assert doc.value(attempt, "startTime").timestamp() == START + 1
    assert doc.values(attempt, "endTime") == []
    assert doc.value(attempt, "status") == "interrupted"


def test_an_attempt_that_is_repeated_informs_the_next(journal: Journal) -> None:
    failure = Failure("node_lost", "It went away.")
    journal.job("3.1", failure=failure)
    journal.job("3.1+1", at=(3.0, 4.0), failure=failure)
    journal.job("3.2", at=(5.0, 6.0))
    doc = told(journal.end())
    pairs = [
        (doc.value(one, "informed").rpartition("__")[2], doc.value(one, "informant")[-3:])
        for one in doc.all("Communication")
    ]
    assert pairs == [("3.1_2B1", "3.1"), ("3.2", "2B1")]


def test_an_attempt_whose_place_was_lost_began_when_it_was_started(journal: Journal) -> None:
    spec = JobSpec("3.1", journal.run, "3", 1, "direct", (Step("rule", "shell"),))
    journal.add(
        JobSubmitted(START, spec),
        JobStarted(START + 1, "3.1", 7, "node1"),
        JobFinished(START + 5, JobRecord.lost(spec, "The node is gone.", START + 5)),
    )
    doc = told(journal.end("failed"))
    attempt = doc.one("Activity", type="Attempt")
    assert doc.value(attempt, "startTime").timestamp() == START + 1
    assert doc.value(attempt, "endTime").timestamp() == START + 5
    assert doc.values(attempt, "host") == []


def test_a_rule_is_the_plan_of_its_attempts(journal: Journal) -> None:
    journal.job("1.1", rule="fit")
    journal.job("2.1", rule="fit")
    doc = told(journal.end())
    plan = doc.one("Entity", rule="fit")
    assert {"http://www.w3.org/ns/prov#Plan", "http://purl.org/wf4ever/wfdesc#Process"} == set(
        doc.values(plan, "type")
    )
    assert doc.value(plan, "codeDigest") == digest("fit")
    assert doc.value(plan, "commit") == "c0ffee"
    for attempt in doc.all("Activity", type="Attempt"):
        association = doc.one("Association", activity=doc.id(attempt))
        assert doc.value(association, "plan") == doc.id(plan)
        assert doc.value(attempt, "describedByProcess") == doc.id(plan)


def test_a_script_is_named_relative_to_the_working_directory(journal: Journal) -> None:
    script = {"kind": "script", "script": "/recorded/here/workflow/scripts/a b.py"}
    journal.job("1.1", rule="plot", step=script)
    doc = told(journal.end())
    assert doc.value(doc.one("Entity", rule="plot"), "scriptPath") == "workflow/scripts/a b.py"


def test_the_workflow_is_the_plan_of_the_run_and_holds_its_sources(tmp_path: Path) -> None:
    sources = tuple(
        SourceFile(f"/recorded/here/{path}", digest(path)) for path in ("Snakefile", "c.yaml")
    )
    journal = Journal(tmp_path, info={"sources": sources, "snakefile": "/recorded/here/Snakefile"})
    journal.job("1.1", rule="fit")
    doc = told(journal.end())
    workflow = doc.one("Entity", type="http://purl.org/wf4ever/wfdesc#Workflow")
    run = doc.one("Activity", type="http://purl.org/wf4ever/wfprov#WorkflowRun")
    assert doc.value(run, "describedByWorkflow") == doc.id(workflow)
    assert doc.value(workflow, "snakefile") == "Snakefile"
    assert doc.values(workflow, "hasSubProcess") == [doc.id(doc.one("Entity", rule="fit"))]
    members = {doc.value(one, "entity") for one in doc.all("Membership")}
    paths = {doc.value(doc.one("Entity", path=path), "path") for path in ("Snakefile", "c.yaml")}
    assert paths == {"Snakefile", "c.yaml"}
    assert members == {doc.id(doc.one("Entity", path=path)) for path in paths}
    assert len(doc.all("Association", plan=doc.id(workflow))) == 2


def test_another_commit_is_another_plan(tmp_path: Path) -> None:
    one = Journal(tmp_path)
    one.job("1.1", rule="fit")
    two = Journal(
        tmp_path, "20260101T010000.000-0002", START + 3600, info={"git": GitState("beef", True)}
    )
    two.job("1.1", rule="fit")
    doc = told(one.end(), two.end())
    assert {doc.value(plan, "commit") for plan in doc.all("Entity", rule="fit")} == {
        "c0ffee",
        "beef",
    }


def test_the_configuration_is_an_entity_that_the_run_used(journal: Journal) -> None:
    doc = told(journal.end())
    configuration = doc.one("Entity", type="Configuration")
    assert json.loads(doc.value(configuration, "value")) == {"factor": 2}
    usage = doc.one("Usage", entity=doc.id(configuration))
    assert doc.value(usage, "role") == "configuration"


def test_the_agents_are_a_person_programs_and_hosts(journal: Journal) -> None:
    journal.job("1.1", host="node2")
    doc = told(journal.end())
    person = doc.one("Agent", type="http://www.w3.org/ns/prov#Person")
    assert doc.value(person, "user") == "ada"
    programs = {
        (doc.value(one, "software"), doc.value(one, "softwareVersion"))
        for one in doc.all("Agent", type="http://www.w3.org/ns/prov#SoftwareAgent")
    }
    assert programs == {
        ("snakemake", "9.27.1"),
        ("snakemake-renku", "0.1.0"),
        ("python", "3.11.7"),
    }
    assert {doc.value(one, "hostName") for one in doc.all("Agent", type="Host")} == {
        "node1",
        "node2",
    }
    run = doc.one("Activity", type="http://purl.org/wf4ever/wfprov#WorkflowRun")
    assert len(doc.all("Association", activity=doc.id(run))) == 6


def test_programs_act_for_the_user(journal: Journal) -> None:
    doc = told(journal.end())
    pairs = [
        (doc.value(one, "delegate"), doc.value(one, "responsible")) for one in doc.all("Delegation")
    ]
    person = doc.id(doc.one("Agent", type="http://www.w3.org/ns/prov#Person"))
    assert pairs == [
        ("software__snakemake__9.27.1", person),
        ("software__snakemake-renku__0.1.0", "software__snakemake__9.27.1"),
    ]


def test_a_local_rule_is_executed_by_snakemake_itself(journal: Journal) -> None:
    journal.job("1.1", spec={"mode": "snakemake"})
    journal.job("2.1")
    doc = told(journal.end())
    agents = [
        doc.value(doc.one("Association", activity=doc.id(one)), "agent")
        for one in doc.all("Activity", type="Attempt")
    ]
    assert agents == ["software__snakemake__9.27.1", "software__snakemake-renku__0.1.0"]


def test_the_packages_are_an_environment_that_the_run_used(tmp_path: Path) -> None:
    software = Software("3.12", "/venv/bin/python", {"b": "2", "a": "1"}, digest("packages"))
    doc = told(Journal(tmp_path, info={"software": software}).end())
    environment = doc.one("Entity", type="PythonEnvironment")
    assert doc.values(environment, "package") == ["a==1", "b==2"]
    assert doc.value(environment, "packagesDigest") == digest("packages")
    assert doc.value(doc.one("Usage", entity=doc.id(environment)), "role") == "environment"


def test_images_conda_environments_and_modules_are_used_by_the_attempt(journal: Journal) -> None:
    found = ResolvedEnvironment(
        *("docker://example.org/a:1", digest("image"), "manifest"),
        *("/envs/x", "ff", ("gcc/12", "R/4")),
    )
    journal.job("1.1", [file("in")], environment=found)
    doc = told(journal.end())
    image = doc.one("Entity", type="Image")
    assert doc.value(image, "container") == "docker://example.org/a:1"
    assert doc.value(image, "digest") == digest("image")
    assert doc.value(image, "digestOf") == "manifest"
    conda = doc.one("Entity", type="CondaEnvironment")
    assert (doc.value(conda, "conda"), doc.value(conda, "condaHash")) == ("/envs/x", "ff")
    assert doc.value(doc.one("Entity", type="Modules"), "modules") == "gcc/12 R/4"
    attempt = doc.id(doc.one("Activity", type="Attempt"))
    roles = [doc.value(one, "role") for one in doc.all("Usage", activity=attempt)]
    assert roles == ["input", "image", "environment", "environment"]


def test_a_group_is_one_activity_with_several_plans(journal: Journal) -> None:
    journal.group("9.1", [("a", [], [made("a")]), ("b", [made("a")], [made("b")])])
    doc = told(journal.end())
    attempt = doc.one("Activity", type="Attempt")
    assert doc.values(attempt, "rule") == ["a", "b"]
    assert doc.value(attempt, "group") == "together"
    assert [step["command"] for step in json.loads(doc.value(attempt, "steps"))] == ["a", "b"]
    assert len(doc.all("Association", activity=doc.id(attempt))) == 2


def test_a_run_without_git_and_software_can_be_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path, info={"git": None, "software": None, "sources": (), "command": ()})
    journal.job("1.1")
    doc = told(journal.end())
    assert doc.values(doc.one("Entity", rule="rule"), "commit") == []


def test_a_step_that_is_recorded_twice_is_told_once(journal: Journal) -> None:
    step = Step("rule", "shell", input=(FileSpec("in"),))
    same = StepFiles("rule", (file("in"), file("in", name="again")))
    journal.jobs_of("1.1", (step,), (same,), (1.0, 2.0), "node1", None, {}, {})
    doc = told(journal.end())
    attempt = doc.id(doc.one("Activity", type="Attempt"))
    usage = doc.one("Usage", activity=attempt)
    assert doc.values(usage, "name") == ["again"]
