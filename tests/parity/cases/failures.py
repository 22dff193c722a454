# ruff: noqa: E501 — lines of the workflows
"""Jobs that fail, and what Snakemake then does."""

from __future__ import annotations

import signal

from ..harness import Case, Result

ALL = ("auto", "warm", "cold")


def _codes(result: Result) -> None:
    ended = {
        job.spec.rule: (job.record.exit_code, job.record.signal)
        for job in result.journal.jobs.values()
        if job.record is not None
    }
    assert ended["exits"] == (7, None)
    assert ended["pipes"] == (3, None)
    assert ended["killed"] == (None, signal.SIGKILL)
    assert ended["script"][0] == 1
    kinds = {
        job.spec.rule: job.record.failure.kind
        for job in result.journal.jobs.values()
        if job.record is not None and job.record.failure is not None
    }
    assert kinds.pop("missing") == "missing_output"
    assert set(kinds.values()) == {"error"}
    assert "no good" in result.stderr
    assert "ValueError" in result.stderr


def _shows_the_log(result: Result) -> None:
    assert "this is in the log" in result.stderr


CASES = [
    Case(
        "failing jobs",
        {
            "Snakefile": """
            rule all:
                input: "exits", "pipes", "killed", "missing", "script", "run", "fine", "after"
            rule exits:
                output: "exits", "new/dir/other"
                log: "exits.log"
                shell: "echo partial > {output[0]}; echo logged > {log}; exit 7"
            rule pipes:
                output: "pipes"
                shell: "sh -c 'exit 3' | cat > {output}"
            rule killed:
                output: "killed"
                shell: "echo > {output}; kill -KILL $$"
            rule missing:
                output: "missing"
                shell: "true"
            rule script:
                output: "script"
                script: "s.py"
            rule run:
                output: "run"
                run:
                    open(output[0], "w").write("partial")
                    raise ValueError("no good in run")
            rule fine:
                output: "fine"
                shell: "echo > {output}"
            rule after:
                input: "exits", "fine"
                output: "after"
                shell: "echo > {output}"
            """,
            "s.py": "open(snakemake.output[0], 'w').write('x')\nraise SystemError('no good in script')\n",
        },
        args=("--keep-going", "--latency-wait", "1"),
        code=1,
        check=_codes,
        starts=ALL,
    ),
    Case(
        "incomplete output kept",
        {
            "Snakefile": """
            rule all:
                input: "a", "b"
            rule a:
                output: "a", directory("d"), temp("t"), "lines.txt"
                shell: "echo partial > a; mkdir d; touch d/x t; exit 1"
            rule b:
                input: "a"
                output: "b"
                shell: "cp {input} {output}"
            """
        },
        args=("--keep-incomplete",),
        code=1,
    ),
    Case(
        "failed logs shown",
        {
            "Snakefile": """
            onerror: print("hook: it failed")
            rule a:
                output: "a"
                log: "a.log"
                shell: "echo this is in the log > {log}; exit 1"
            """
        },
        args=("--show-failed-logs", "--retries", "1"),
        code=1,
        check=_shows_the_log,
    ),
    Case(
        "existing output of a failing job",
        {
            "Snakefile": """
            rule all:
                input: "protected.txt", "b"
            rule a:
                output: protected("protected.txt")
                shell: "echo new > {output}; exit 1"
            rule b:
                output: "b"
                shell: "test ! -e b; exit 1"
            """,
            "protected.txt": "old\n",
            "b": "old\n",
        },
        args=("--forceall", "--keep-going"),
        code=1,
    ),
    Case(
        "process left behind",
        {
            "Snakefile": """
            rule all:
                input: "a", "b"
            rule a:
                output: "a"
                shell: "sleep 3 > /dev/null 2>&1 & echo > {output}"
            rule b:
                input: "a"
                output: "b"
                shell: "sleep 2 & disown; echo > {output}; echo printed"
            """
        },
    ),
]
