"""One job in full, for people."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import zip_longest

from snakemake_renku.cli.output import Sheet
from snakemake_renku.cli.units import megabytes, moment, peak, size
from snakemake_renku.journal import JobHistory, RunHistory
from snakemake_renku.model import (
    Environment,
    FileRef,
    JobRecord,
    JobSpec,
    ResolvedEnvironment,
    RunInfo,
    Step,
    StepFiles,
)
from snakemake_renku.progress.text import short

EXCEEDED = "exceeded: would have been killed on a cluster"

_ELSEWHERE = ("mem_mb", "mem_mib", "mem", "runtime", "_cores", "_nodes", "tmpdir")
"""Resources that have lines of their own, or say nothing of what was asked for."""


def show_job(run: RunHistory, job: JobHistory, sheet: Sheet) -> None:
    """Print all that is known of ``job``."""
    status = run.state(job)
    sheet.heading(f"job {job.spec.id} of rule {job.spec.rule}: {status}", status)
    _outcome(job, sheet)
    found = job.record.steps if job.record is not None else ()
    for step, files in zip_longest(job.spec.steps, found[: len(job.spec.steps)]):
        _step(step, files, run.info, sheet, alone=len(job.spec.steps) == 1)
    _resources(job.spec, job.record, sheet)
    _run(run, sheet)
    if job.notices:
        sheet.heading("notices")
        for notice in job.notices:
            sheet.pair(moment(notice.time), notice.message)
    if job.record is not None:
        for name in ("stdout", "stderr"):
            text = getattr(job.record, f"{name}_tail")
            if text:
                sheet.heading(f"end of {name}")
                sheet.lines(text)


def _outcome(job: JobHistory, sheet: Sheet) -> None:
    spec, record = job.spec, job.record
    sheet.pair("attempt", f"{spec.attempt}, {spec.mode}")
    sheet.pair("submitted", moment(job.submitted))
    if record is None:
        if job.started is not None:
            sheet.pair("started", moment(job.started.time))
            sheet.pair("host", f"{job.started.host}, process {job.started.pid}")
        return
    sheet.pair("started", moment(record.started))
    took = short(record.finished - record.started)
    sheet.pair("finished", f"{moment(record.finished)}, after {took}")
    sheet.pair("host", f"{record.host}, process {record.pid}")
    if record.failure is not None:
        sheet.pair("failure", f"{record.failure.kind}: {record.failure.message}", "red")
    failure = record.failure
    code = record.exit_code if failure is None else (failure.exit_code or record.exit_code)
    if code is not None:
        sheet.pair("exit code", str(code))
    number = record.signal if failure is None else (failure.signal or record.signal)
    if number is not None:
        sheet.pair("signal", _signal(number))


def _signal(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)


def _step(step: Step, files: StepFiles | None, run: RunInfo, sheet: Sheet, *, alone: bool) -> None:
    sheet.heading("what it did" if alone else f"rule {step.rule}")
    if step.wildcards:
        sheet.pair("wildcards", ", ".join(f"{k}={v}" for k, v in step.wildcards.items()))
    if step.command is not None:
        sheet.pair("command", step.command.strip("\n"))
    if step.script is not None or step.command is None:
        sheet.pair(step.kind, step.script or "(the rule's own code)")
    if step.code_digest is not None:
        sheet.pair("code", step.code_digest)
    for name, value in step.params.items():
        sheet.pair("param", f"{name} = {value!r}")
    for line in _environment(step.environment, files, run):
        sheet.pair("environment", line)
    if files is None:
        for file in step.input:
            sheet.pair("input", file.path)
        for file in step.output:
            sheet.pair("output", file.path)
    else:
        for ref in (*files.input, *files.output):
            sheet.pair(ref.role, _file(ref))
    shown = {ref.path for ref in files.output} if files is not None else set()
    for log in step.log:
        if log.path not in shown:
            sheet.pair("log", log.path)
    if step.benchmark is not None and step.benchmark not in shown:
        sheet.pair("benchmark", step.benchmark)


def _file(ref: FileRef) -> str:
    name = f"{ref.name}=" if ref.name else ""
    about: list[str] = [ref.kind] if ref.kind != "file" else []
    if ref.size is not None:
        about.append(size(ref.size))
    parts = (f"{name}{ref.path}", ", ".join(about), ref.digest, ref.problem)
    return "  ".join(part for part in parts if part)


def _environment(asked: Environment, files: StepFiles | None, run: RunInfo) -> Iterator[str]:
    found = files.environment if files is not None else ResolvedEnvironment()
    container = found.container or asked.container
    if container is not None:
        yield f"container {container}"
        if found.image_digest is not None:
            yield f"image {found.image_digest} (of its {found.image_digest_of or 'manifest'})"
        if asked.image_path is not None:
            yield f"image at {asked.image_path}"
    conda = found.conda or asked.conda
    if conda is not None:
        hash = found.conda_hash or asked.conda_hash
        yield f"conda {conda}{f' ({hash})' if hash else ''}"
    modules = found.modules or asked.modules
    if modules:
        yield f"modules {' '.join(modules)}"
    if container is None and conda is None and not modules:
        yield _interpreter(run)


def _interpreter(run: RunInfo) -> str:
    if run.software is None:
        return "the interpreter that ran Snakemake"
    digest = f", packages {run.software.digest}" if run.software.digest else ""
    return f"Python {run.software.python} at {run.software.executable}{digest}"


def _resources(spec: JobSpec, record: JobRecord | None, sheet: Sheet) -> None:
    sheet.heading("resources, asked and used")
    usage = record.usage if record is not None else None
    exceeded = record.exceeded if record is not None else ()
    memory = f"asked {megabytes(spec.mem_mb)}" if spec.mem_mb is not None else "asked none"
    _resource(sheet, "memory", memory, peak(usage.max_rss) if usage else None, "mem_mb" in exceeded)
    runtime = f"asked {short(spec.runtime_s)}" if spec.runtime_s is not None else "asked none"
    _resource(
        sheet, "runtime", runtime, short(usage.wall_s) if usage else None, "runtime" in exceeded
    )
    cores = None
    if usage is not None and usage.wall_s > 0:
        busy = (usage.user_s + usage.system_s) / usage.wall_s
        cores = f"{busy:.2f} on average"
    _resource(sheet, "threads", f"asked {spec.threads}", cores, "threads" in exceeded)
    if usage is not None:
        sheet.pair("cpu", f"{short(usage.user_s)} user, {short(usage.system_s)} system")
        sheet.pair("disk", f"{size(usage.read_bytes)} read, {size(usage.write_bytes)} written")
    for name, value in spec.resources.items():
        if name not in _ELSEWHERE:
            _resource(sheet, name, f"asked {value}", None, name in exceeded)


def _resource(sheet: Sheet, name: str, asked: str, used: str | None, exceeded: bool) -> None:
    text = asked if used is None else f"{asked}, used {used}"
    if exceeded:
        sheet.pair(name, f"{text}; {EXCEEDED}", "yellow")
    else:
        sheet.pair(name, text)


def _run(run: RunHistory, sheet: Sheet) -> None:
    info = run.info
    sheet.heading("run")
    sheet.pair("run", f"{info.run}, {run.status}")
    sheet.pair("snakefile", info.snakefile)
    sheet.pair("directory", info.workdir)
    sheet.pair("by", f"{info.user} on {info.host}, backend {info.backend}")
    sheet.pair("versions", f"Snakemake {info.snakemake_version}, renku {info.renku_version}")
    if info.git is not None:
        dirty = ", dirty (tracked files differed from it)" if info.git.dirty else ""
        sheet.pair("git commit", f"{info.git.commit}{dirty}")
        if info.git.branch:
            sheet.pair("git branch", info.git.branch)
        if info.git.remote:
            sheet.pair("git remote", info.git.remote)
    if info.command:
        sheet.pair("command", " ".join(info.command))
    for source in info.sources:
        sheet.pair("source", f"{source.path}  {source.digest}")
    if run.damaged:
        sheet.pair("journal", f"{len(run.damaged)} damaged lines were passed over", "yellow")
