"""One workflow, run by Snakemake's own executor and by ours, and all that can be told apart."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import queue
import re
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from snakemake_renku.journal import RunHistory, read_run
from snakemake_renku.model import JobRecord

BUILT_IN = "built-in"

_TIMEOUT_S = 60
"""A run that takes longer hangs, and is killed."""

_TIMES = ("starttime", "endtime", "external_jobid", "job_hash")
"""What must differ in Snakemake's metadata: times, the executor's id, and a hash by address."""


@dataclass(frozen=True)
class Case:
    """A workflow in one file or some, how it is started, and what is special about it."""

    name: str
    files: Mapping[str, str | bytes]
    args: tuple[str, ...] = ()
    starts: tuple[str, ...] = ("auto", "warm")
    code: int = 0
    cwd: str = "."
    env: Mapping[str, str] = field(default_factory=dict)
    jobs: int = 2
    needs: Callable[[], str | None] = lambda: None
    """Says why the case cannot be run on this machine, if so."""
    differ: tuple[str, ...] = ()
    """Patterns of files whose bytes differ from run to run (times, pids)."""
    known: tuple[str, ...] = ()
    """Patterns of differences that docs/parity.md tells of."""
    sometimes: tuple[str, ...] = ()
    """Such patterns of which the timing decides whether they are met."""
    mode: str | None = None
    """How every job that is not local is started with ``auto``, where that is worth a check."""
    done: bool | None = None
    """Whether nothing is to be done afterwards; by default if the run succeeds."""
    check: Callable[[Result], None] = lambda result: None
    """More to be true of each result."""

    def __str__(self) -> str:
        return self.name

    @property
    def leaves_nothing_to_do(self) -> bool:
        """Whether a second run would do nothing."""
        return self.code == 0 if self.done is None else self.done


@dataclass(frozen=True)
class Entry:
    """A file as it was found. ``content`` is bytes, or the target of a link, or nothing."""

    mode: str
    content: bytes


@dataclass(frozen=True)
class Result:
    """What a run left."""

    start: str
    workdir: Path
    code: int
    stdout: bytes
    stderr: str
    dry: str
    files: dict[str, Entry]
    metadata: dict[str, dict[str, Any]]
    state: dict[str, Entry]

    def text(self, path: str) -> str:
        """The content of a file that the run made."""
        return self.files[path].content.decode()

    @property
    def journal(self) -> RunHistory:
        """The only journal of the run."""
        path = one((self.workdir / ".snakemake/renku/runs").glob("*.jsonl"))
        return read_run(path)

    @property
    def records(self) -> list[JobRecord]:
        """The end of each attempt, in the order in which they began."""
        ended = [job.record for job in self.journal.jobs.values() if job.record is not None]
        return sorted(ended, key=lambda record: record.started)

    def finished_rules(self) -> Counter[str]:
        """How many jobs of each rule Snakemake called finished (plain log only)."""
        return Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (.*)\)$", self.stderr, re.M))


def one(paths: Iterable[Path]) -> Path:
    """The only one of ``paths``."""
    found = list(paths)
    assert len(found) == 1, f"{found} where one was expected"
    return found[0]


class Snakemakes:
    """A few servers that fork Snakemakes; :meth:`run` waits for one of them to be free."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._folder = tempfile.TemporaryDirectory()
        self._servers: queue.Queue[subprocess.Popen[str]] = queue.Queue()
        command = [sys.executable, "-P", str(Path(__file__).with_name("server.py"))]
        self._all = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(size)
        ]
        for server in self._all:
            self._servers.put(server)

    def run(
        self, argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, str]:
        """Run ``snakemake argv`` in ``cwd``; its exit code, stdout and stderr."""
        server = self._servers.get()
        try:
            out, err = (Path(self._folder.name, f"{server.pid}.{name}") for name in ("out", "err"))
            request = {
                "argv": list(argv),
                "cwd": str(cwd),
                "timeout": _TIMEOUT_S,
                "env": environment(env or {}),
                "stdout": str(out),
                "stderr": str(err),
            }
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            status = int(server.stdout.readline())
            result = out.read_bytes(), err.read_text(errors="replace")
            out.unlink()
            err.unlink()
        finally:
            self._servers.put(server)
        return os.waitstatus_to_exitcode(status), *result

    def close(self) -> None:
        """End the servers."""
        for server in self._all:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.close()
            server.wait()
            server.stdout.close()
        self._folder.cleanup()


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a run: this one, with the venv's programs first."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    outside = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return {**outside, "PATH": path, **extra}


def arguments(case: Case, start: str) -> list[str]:
    """How Snakemake is started."""
    if start == BUILT_IN:
        return ["--cores", str(case.jobs), *case.args]
    ours = ["--executor", "renku", "--renku-start", start, "--jobs", str(case.jobs)]
    # Profiles set our logger, but nobody has to: the one start is tried with it, the other without.
    return [*(["--logger", "renku"] if start == "warm" else []), *ours, *case.args]


def write_files(case: Case, folder: Path) -> None:
    """Lay out the files of a case."""
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = textwrap.dedent(content).lstrip("\n").encode()
        path.write_bytes(content)


def run(snakemakes: Snakemakes, case: Case, start: str, folder: Path) -> Result:
    """Run a case in an empty ``folder``, and look at what is there afterwards."""
    write_files(case, folder)
    workdir = folder / case.cwd
    workdir.mkdir(parents=True, exist_ok=True)
    code, stdout, stderr = snakemakes.run(arguments(case, start), workdir, case.env)
    return look(snakemakes, case, start, folder, (code, stdout, stderr))


def look(
    snakemakes: Snakemakes, case: Case, start: str, folder: Path, ended: tuple[int, bytes, str]
) -> Result:
    """What is there after a run, and what Snakemake would still do."""
    workdir = folder / case.cwd
    code, stdout, stderr = ended
    state = next((m.parent for m in folder.rglob(".snakemake/metadata")), workdir / ".snakemake")
    found = Result(
        start=start,
        workdir=state.parent,
        code=code,
        stdout=stdout.replace(os.fsencode(folder), b"<folder>"),
        stderr=stderr.replace(str(folder), "<folder>"),
        dry="",
        files=dict(_entries(folder, folder)),
        metadata=dict(_metadata(state / "metadata", folder)),
        state=dict(_leftovers(state, folder)),
    )
    if start == BUILT_IN and case.leaves_nothing_to_do:
        return found
    _, dry, problems = snakemakes.run([*case.args, "--dry-run"], workdir, case.env)
    return replace(found, dry=(dry.decode() + problems).replace(str(folder), "<folder>"))


def _entries(top: Path, folder: Path) -> Iterator[tuple[str, Entry]]:
    for parent, names, files in os.walk(top):
        names[:] = sorted(n for n in names if n not in (".snakemake", "__pycache__"))
        for name in [*names, *sorted(files)]:
            path = Path(parent, name)
            yield str(path.relative_to(top)), _entry(path, folder)


def _entry(path: Path, folder: Path) -> Entry:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        content = os.fsencode(os.readlink(path))
    else:
        content = path.read_bytes() if stat.S_ISREG(mode) else b""
    return Entry(stat.filemode(mode), content.replace(os.fsencode(folder), b"<folder>"))


def _metadata(top: Path, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(top.rglob("*")):
        if path.is_file():
            record = json.loads(path.read_text().replace(str(folder), "<folder>"))
            name = str(path.relative_to(top)).replace("@", "").replace("/", "")
            yield (
                base64.b64decode(name).decode().replace(str(folder), "<folder>"),
                {key: value for key, value in record.items() if key not in _TIMES},
            )


def _leftovers(state: Path, folder: Path) -> Iterator[tuple[str, Entry]]:
    """Everything in ``.snakemake`` that a finished run should have cleaned up."""
    ours_or_kept = ("log", "metadata", "renku", "singularity", "conda", "iocache", "source_cache")
    with contextlib.suppress(FileNotFoundError):
        for child in sorted(state.iterdir()):
            if child.name not in ours_or_kept and child.is_dir():
                for name, entry in _entries(child, folder):
                    yield f"{child.name}/{name}", entry


class Results:
    """Runs each case once with each start, ahead of the tests that compare."""

    def __init__(self, snakemakes: Snakemakes, folder: Path, wanted: list[tuple[Case, str]]):
        self._pool = ThreadPoolExecutor(snakemakes.size)
        cases = dict.fromkeys(case.name for case, _ in wanted)
        self._futures: dict[tuple[str, str], Future[Result]] = {}
        for name in cases:
            starts = [(case, start) for case, start in wanted if case.name == name]
            for case, start in [(starts[0][0], BUILT_IN), *starts]:
                place = folder / name.replace(" ", "-") / start
                place.mkdir(parents=True)
                self._futures[name, start] = self._pool.submit(run, snakemakes, case, start, place)

    def get(self, case: Case, start: str) -> Result:
        """What a run left, once it has ended."""
        return self._futures[case.name, start].result()

    def close(self) -> None:
        """Begin no more runs."""
        self._pool.shutdown(cancel_futures=True)


# --- comparing ----------------------------------------------------------------------------------


def differences(case: Case, expected: Result, result: Result) -> list[str]:
    """What can be told apart, in words, but for what the case knows of."""
    found = list(_differences(case, expected, result))
    stale = [f"no longer so: {p}" for p in case.known if not any(fnmatch(d, p) for d in found)]
    told = (*case.known, *case.sometimes)
    return [d for d in found if not any(fnmatch(d, p) for p in told)] + stale


def _differences(case: Case, expected: Result, result: Result) -> Iterator[str]:
    if expected.code != case.code:
        yield f"the case itself is wrong: exit code {expected.code}"
    if result.code != expected.code:
        yield f"exit code {result.code}, not {expected.code}"
    printed, wanted = _lines(result.stdout), _lines(expected.stdout)
    if printed != wanted:
        yield f"stdout: {_unlike(result.stdout, expected.stdout)}"
    yield from _different_files(case.differ, expected.files, result.files)
    for path in expected.metadata.keys() | result.metadata.keys():
        ours, theirs = result.metadata.get(path), expected.metadata.get(path)
        if ours is None or theirs is None:
            yield f"metadata of {path} are {'missing' if ours is None else 'left over'}"
        elif ours != theirs:
            keys = [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
            yield f"metadata of {path}: {[(k, ours.get(k), theirs.get(k)) for k in keys]}"
    for words in _different_files((), expected.state, result.state):
        yield f"in .snakemake {words}"
    if case.leaves_nothing_to_do:
        if "Nothing to be done" not in result.dry:
            yield f"a dry run says {result.dry[-300:]!r}"
    elif result.dry.splitlines()[-1:] != expected.dry.splitlines()[-1:]:
        yield f"a dry run says {result.dry[-300:]!r}, not {expected.dry[-300:]!r}"
    yield from journal_faults(case, expected, result)


def _lines(data: bytes) -> Counter[bytes]:
    return Counter(data.splitlines())


def _unlike(ours: bytes, theirs: bytes) -> str:
    """The first lines in which two contents differ."""
    has, lacks = _lines(ours) - _lines(theirs), _lines(theirs) - _lines(ours)
    return f"has {[*has][:5]}, lacks {[*lacks][:5]}"


def _different_files(
    differ: Sequence[str], expected: Mapping[str, Entry], found: Mapping[str, Entry]
) -> Iterator[str]:
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            yield f"{path} is missing"
        elif path not in expected:
            yield f"{path} is left over"
        else:
            ours, theirs = found[path], expected[path]
            if ours.mode != theirs.mode:
                yield f"{path} has mode {ours.mode}, not {theirs.mode}"
            if ours.content != theirs.content and not any(fnmatch(path, p) for p in differ):
                yield f"{path}: {_unlike(ours.content, theirs.content)}"


def journal_faults(case: Case, expected: Result, result: Result) -> Iterator[str]:
    """What is not as it should be: one record for every attempt, also of local rules, well told."""
    journal = result.journal
    if journal.status != ("success" if result.code == 0 else "failed"):
        yield f"journal: the run is called {journal.status}"
    if journal.damaged or journal.torn:
        yield "journal: damaged"
    for id_, job in journal.jobs.items():
        if job.record is None:
            yield f"journal: no end of {id_} ({job.spec.rule})"
    finished = Counter(
        step.rule
        for job in journal.jobs.values()
        if job.record is not None and job.record.ok
        for step in job.spec.steps
    )
    if finished != expected.finished_rules():
        yield f"journal: records of {finished}, not {expected.finished_rules()}"
    modes = {r.mode for r in result.records if r.mode != "snakemake"}
    if case.mode is not None and result.start == "auto" and modes != {case.mode}:
        yield f"journal: jobs were started {modes}"
    if result.start in ("warm", "cold") and not modes <= {result.start}:
        yield f"journal: jobs were started {modes}"
    yield from _wrong_digests(result)


def _wrong_digests(result: Result) -> Iterator[str]:
    recorded: dict[str, str | None] = {}
    for record in result.records:
        if record.ok:
            recorded |= {ref.path: ref.digest for step in record.steps for ref in step.output}
    for path, digest in recorded.items():
        file = result.workdir / path
        if file.is_file():
            if digest != "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest():
                yield f"journal: wrong digest of {path}: {digest}"
        elif file.is_dir() and not str(digest).startswith("sha256-tree:"):
            yield f"journal: wrong digest of {path}: {digest}"
