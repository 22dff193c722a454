# ruff: noqa: E501 — lines of the workflows
"""What the command line says: resources, threads, attempts, configuration, priorities."""

from __future__ import annotations

from ..harness import Case, Result

RESOURCES = """
rule all:
    input: "a.txt", "b.txt", "c.txt", "d.txt"
rule a:
    output: "a.txt"
    threads: 4
    resources: mem_mb=lambda wc, threads: threads * 10, disk="1GB", word="w x", n=3, runtime="1h"
    shell:
        "echo {threads} {resources.mem_mb} {resources.mem_mib} {resources.disk_mb} {resources.word:q} {resources.n}"
        " {resources.runtime} {resources.extra} {resources.tmpdir:q} $TMPDIR $OMP_NUM_THREADS > {output}"
rule b:
    output: "b.txt"
    threads: workflow.cores * 0.5
    resources: mem_mb=5
    run:
        open(output[0], "w").write(
            f"{threads} {resources.mem_mb} {resources.extra} {resources.get('word')} {dict(resources.items())['mem_mb']}")
rule c:
    output: "c.txt"
    threads: lambda wc: 2
    script: "s.py"
rule d:
    input: "c.txt"
    output: "d.txt"
    resources: mem_mb=lambda wc, input: max(input.size_mb, 7), tmpdir=lambda wc, attempt: f"tmp{attempt}"
    shell: "echo {threads} {resources.mem_mb} {resources.tmpdir} $TMPDIR > {output}"
"""

RETRIES = """
rule all:
    input: "a.txt", "b.txt", "d.txt"
rule a:
    output: "a.txt"
    retries: 2
    resources: mem_mb=lambda wc, attempt: 100 * attempt, n=lambda wc, attempt: attempt
    threads: lambda wc, attempt: min(attempt, 2)
    shell: "echo {resources.mem_mb} {resources.n} {threads} >> tries-a.txt; echo {resources.mem_mb} > {output}; test {resources.n} -ge 3"
rule b:
    output: "b.txt"
    resources: mem_mb=lambda wc, attempt: 100 * attempt
    script: "s.py"
rule d:
    output: "d.txt"
    resources: n=lambda wc, attempt: attempt
    shadow: "minimal"
    shell: "echo {resources.n} > {output}; test {resources.n} -eq 2"
"""


def _attempts(result: Result) -> None:
    tried = [(r.steps[0].rule if r.steps else "", r.id.split(".")[1], r.ok) for r in result.records]
    assert sorted(tried) == [
        ("a", "1", False), ("a", "2", False), ("a", "3", True), ("all", "1", True),
        ("b", "1", False), ("b", "2", True),
        ("d", "1", False), ("d", "2", True),
    ]  # fmt: skip
    assert result.text("tries-a.txt") == "100 1 1\n200 2 2\n300 3 2\n"
    memory = {
        job.spec.attempt: job.spec.resources["mem_mb"]
        for job in result.journal.jobs.values()
        if job.spec.rule == "a"
    }
    assert memory == {1: 100, 2: 200, 3: 300}


ODD = 'it\'s "so" $HOME `id` \\ \\n ü\n{x} %s; * # : ='

CASES = [
    Case(
        "resources and threads",
        {
            "Snakefile": RESOURCES,
            "s.py": "open(snakemake.output[0], 'w').write(f'{snakemake.threads} {snakemake.resources.extra} {snakemake.resources.mem_mb}')\n",
        },
        args=("--default-resources", "extra='a b'", "mem_mb=attempt*50", "--cores", "2"),
    ),
    Case(
        "resources and threads by the command line",
        {
            "Snakefile": RESOURCES,
            "s.py": "open(snakemake.output[0], 'w').write(f'{snakemake.threads} {snakemake.resources.extra}')\n",
            "tmp d/x": "",
        },
        args=(
            "--set-resources",
            "a:mem_mb=max(threads, 3)*7",
            "a:word='quo\"ted $x'",
            "b:mem_mb=11",
            "a:extra='set'",
            "--set-threads",
            "a=1",
            "c=attempt*1",
            "--max-threads",
            "1",
            "--default-resources",
            "extra='é'",
            "tmpdir='tmp d'",
            "--resources",
            "mem_mb=100",
            "n=3",
            "--cores",
            "2",
        ),
    ),
    Case(
        "retries",
        {
            "Snakefile": RETRIES,
            "s.py": """
            n = snakemake.resources.mem_mb
            open(snakemake.output[0], "w").write(str(n))
            assert n == 200
            """,
        },
        args=("--retries", "1"),
        check=_attempts,
    ),
    Case(
        "configuration",
        {
            "Snakefile": """
            configfile: "config/default.yaml"
            rule all:
                input: "a.txt", "b.txt", "c.txt"
            rule a:
                output: "a.txt"
                params: odd=lambda wc: config["odd"], rest=config["rest"]
                shell: "printf '%s|' {params.odd:q} {params.rest:q} {config[deep][x]} {config[list]} {config[nn]} {config[empty]} > {output}"
            rule b:
                output: "b.txt"
                script: "s.py"
            rule c:
                output: "c.txt"
                script: "s.py"
            """,
            "config/default.yaml": "odd: default\nrest: default\ndeep: {x: 1, y: 2}\nnn: 1\n",
            "more.yaml": "rest: 'from a file: $HOME'\ndeep: {x: 9}\n",
            "s.py": "open(snakemake.output[0], 'w').write(repr(sorted(snakemake.config.items())))\n",
        },
        args=(
            "--configfile",
            "more.yaml",
            "--config",
            f"odd={ODD}",
            "list=[1, 'a b', {c: d}]",
            "nn=007",
            "empty=",
        ),
    ),
    Case(
        "priorities",
        {
            "Snakefile": """
            rule all:
                input: "low", "high", "middle", "prior"
            rule low:
                output: "low"
                shell: "echo {rule} | tee -a order.txt > {output}"
            rule high:
                output: "high"
                priority: 50
                shell: "echo {rule} | tee -a order.txt > {output}"
            rule middle:
                output: "middle"
                priority: 10
                shell: "echo {rule} | tee -a order.txt > {output}"
            rule prior:
                output: "prior"
                shell: "echo {rule} | tee -a order.txt > {output}"
            """
        },
        jobs=1,
        args=("--prioritize", "prior"),
    ),
    Case(
        "targets and other options",
        {
            "Snakefile": """
            wildcard_constraints: n=r"\\d+"
            pepfile_is_no_keyword = 1
            rule all:
                input: "x-1.txt"
            rule x:
                output: "{name}-{n}.txt"
                params: t=("tuple", 1), s={"set"}, f=1.5, none=None, d={"a": {"b": [1]}}, fn=len, p=lambda wc: [wc.n] * 2
                message: "Making {output} of {wildcards.n}"
                shell: "echo {params.t} {params.s} {params.f} {params.none} {params.d} {params.p} {params.d[a][b]} > {output}"
            """
        },
        args=(
            "x-2.txt",
            "x-3.txt",
            "--printshellcmds",
            "--latency-wait",
            "1",
            "--rerun-triggers",
            "mtime",
            "--scheduler",
            "greedy",
        ),
    ),
    Case(
        "between-workflow caching",
        {
            "Snakefile": """
            rule all:
                input: "a.txt", "b.txt"
            rule a:
                output: "a.txt"
                cache: True
                shell: "echo cached > {output}; echo ran"
            rule b:
                input: "a.txt"
                output: "b.txt"
                shell: "cat {input} > {output}"
            """,
            "cache/x": "",
        },
        starts=("auto",),
        env={"SNAKEMAKE_OUTPUT_CACHE": "cache"},
        args=("--cache", "a"),
    ),
]
