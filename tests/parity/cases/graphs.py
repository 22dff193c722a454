# ruff: noqa: E501 — lines of the workflows
"""How jobs hang together: groups, pipes, services, checkpoints, modules, scatter and gather."""

from __future__ import annotations

from collections import Counter

from ..harness import Case, Result

ALL = ("auto", "warm", "cold")

GROUPS = """
rule all:
    input: expand("c-{n}.txt", n=[1, 2]), "last.txt"
rule a:
    output: temp("a-{n}.txt"), "log-{n}.txt"
    group: "g"
    shell: "echo {wildcards.n} > {output[0]}; echo > {output[1]}; echo printed {wildcards.n}"
rule b:
    input: "a-{n}.txt"
    output: "b-{n}.txt"
    log: "b-{n}.log"
    group: "g"
    threads: 2
    run:
        open(output[0], "w").write(open(input[0]).read() * 2)
        open(log[0], "w").write("logged")
rule c:
    input: "b-{n}.txt"
    output: "c-{n}.txt"
    group: "g"
    script: "s.py"
rule last:
    input: expand("c-{n}.txt", n=[1, 2])
    output: protected("last.txt")
    shell: "cat {input} > {output}"
"""
GONE = ("metadata of *input_checksums*",)
"""A group's temporary files are gone when the main process notes checksums (see docs/parity.md)."""

COPY = "open(snakemake.output[0], 'w').write(open(snakemake.input[0]).read())\n"


def _groups(size: int) -> None:
    def check(result: Result) -> None:
        grouped = [job.spec for job in result.journal.jobs.values() if job.spec.group is not None]
        assert [len(spec.steps) for spec in grouped] == [size] * (6 // size)

    return check


def _each_recorded(result: Result) -> None:
    assert Counter(r.mode for r in result.records) == {"direct": 100, "snakemake": 1}


def _hundred(result: Result) -> None:
    (job,) = [job for job in result.journal.jobs.values() if job.spec.group is not None]
    assert len(job.record.steps) == 101


CASES = [
    Case(
        "groups",
        {"Snakefile": GROUPS, "s.py": COPY},
        starts=("auto",),
        known=GONE,
        check=_groups(3),
    ),
    Case(
        "group components",
        {"Snakefile": GROUPS, "s.py": COPY},
        args=("--group-components", "g=2"),
        starts=("auto",),
        known=GONE,
        check=_groups(6),
    ),
    Case(
        "groups by the command line",
        {"Snakefile": GROUPS.replace('group: "g"', ""), "s.py": COPY},
        args=("--groups", "a=x", "b=x", "last=y", "--group-components", "x=2"),
        starts=("auto",),
        known=GONE,
    ),
    Case(
        "group of a hundred jobs",
        {
            "Snakefile": """
            rule all:
                input: "sum.txt"
            rule a:
                output: "a/{n}.txt"
                group: "g"
                shell: "echo {wildcards.n} > {output}"
            rule sum:
                input: expand("a/{n}.txt", n=range(100))
                output: "sum.txt"
                group: "g"
                shell: "cat {input} > {output}"
            """
        },
        starts=("auto",),
        check=_hundred,
    ),
    Case(
        "group that fails",
        {
            "Snakefile": """
            rule all:
                input: "b"
            rule a:
                output: "a"
                group: "g"
                shell: "echo > {output}"
            rule b:
                input: "a"
                output: "b"
                group: "g"
                shell: "echo partial > {output}; exit 5"
            """
        },
        starts=("auto",),
        code=1,
        known=("a is missing", "journal: records of *", *GONE),
    ),
    Case(
        "pipe",
        {
            "Snakefile": """
            rule all:
                input: expand("c-{n}.txt", n=[1, 2])
            rule a:
                output: pipe("a-{n}.txt")
                shell: "for i in 1 2 3; do echo {wildcards.n} $i; done > {output}"
            rule b:
                input: "a-{n}.txt"
                output: pipe("b-{n}.txt")
                shell: "sed 's/^/b/' < {input} > {output}"
            rule c:
                input: "b-{n}.txt"
                output: "c-{n}.txt"
                shell: "cat < {input} > {output}"
            """
        },
        jobs=3,
        mode="warm",
        starts=ALL,
    ),
    Case(
        "service",
        {
            "Snakefile": """
            rule all:
                input: "b-1.txt", "b-2.txt"
            rule serve:
                output: service("served.txt")
                shell: "trap 'rm -f {output}; exit 0' TERM; echo data > {output}.tmp; mv {output}.tmp {output}; while :; do sleep 0.1; done"
            rule b:
                input: "served.txt"
                output: "b-{n}.txt"
                shell: "cat {input} > {output}"
            """
        },
        starts=("auto",),
        jobs=3,
        sometimes=GONE,
    ),
    Case(
        "checkpoints",
        {
            "Snakefile": """
            import os
            rule all:
                input: "all.txt", "second.txt"
            checkpoint split:
                output: directory("parts")
                shell: "mkdir parts; for i in 1 2 3; do echo $i > parts/$i.txt; done"
            rule double:
                input: "parts/{i}.txt"
                output: "double/{i}.txt"
                shell: "cat {input} {input} > {output}"
            def parts(wildcards):
                folder = checkpoints.split.get(**wildcards).output[0]
                return expand("double/{i}.txt", i=sorted(glob_wildcards(os.path.join(folder, "{i}.txt")).i))
            rule aggregate:
                input: parts
                output: "all.txt"
                shell: "cat {input} > {output}"
            checkpoint count:
                input: "all.txt"
                output: "count.txt"
                run: open(output[0], "w").write(str(len(open(input[0]).readlines())))
            def count(wildcards):
                with checkpoints.count.get().output[0].open() as f:
                    return f"num-{f.read()}.txt"
            rule num:
                output: "num-{n}.txt"
                script: "s.py"
            rule second:
                input: count
                output: "second.txt"
                params: n=lambda wc, input: len(input)
                run: open(output[0], "w").write(f"{params.n} {input}")
            """,
            "s.py": "open(snakemake.output[0], 'w').write(snakemake.wildcards.n)\n",
        },
    ),
    Case(
        "scatter and gather",
        {
            "Snakefile": """
            scattergather:
                split=3
            rule all:
                input: "gathered.txt"
            rule scatter:
                output: scatter.split("parts/{scatteritem}.txt")
                shell: "for f in {output}; do echo $f > $f; done"
            rule work:
                input: "parts/{scatteritem}.txt"
                output: "done/{scatteritem}.txt"
                script: "s.py"
            rule gather:
                input: gather.split("done/{scatteritem}.txt")
                output: "gathered.txt"
                shell: "cat {input} > {output}"
            """,
            "s.py": COPY,
        },
        args=("--set-scatter", "split=2"),
    ),
    Case(
        "modules and includes",
        {
            "Snakefile": """
            configfile: "config/config.yaml"
            include: "rules/more.smk"
            module other:
                snakefile: "other/Snakefile"
                config: config["other"]
                prefix: "other_out"
            use rule * from other as other_*
            use rule shell from other as changed with:
                output: "changed.txt"
                params: word="changed"
            rule all:
                input: "more.txt", "other_out/shell.txt", "other_out/script.txt", "changed.txt", "child.txt"
                default_target: True
            rule parent:
                output: "parent.txt"
                params: word="parent"
                shell: "echo {params.word} > {output}"
            use rule parent as child with:
                output: "child.txt"
                params: word=lambda wc: MORE
            """,
            "config/config.yaml": "word: top\nother: {word: inner}\n",
            "rules/more.smk": """
            MORE = "more"
            rule more:
                output: "more.txt"
                script: "../scripts/more.py"
            """,
            "scripts/more.py": "open(snakemake.output[0], 'w').write(snakemake.rule + snakemake.config['word'])\n",
            "other/Snakefile": """
            WORD = "global of the module"
            def name(): return WORD
            rule shell:
                output: "shell.txt"
                params: word=lambda wc: config["word"]
                shell: "echo {params.word} {rule} > {output}"
            rule script:
                input: "shell.txt"
                output: "script.txt"
                run: open(output[0], "w").write(name() + config["word"])
            """,
        },
        starts=ALL,
    ),
    Case(
        "local rules, handover, default target, ancient, input functions",
        {
            "Snakefile": """
            localrules: local, local_script
            rule all:
                input: "local.txt", "handover.txt", "local-script.txt", "old.out", "from-function.txt", "norun"
            rule local:
                output: "local.txt"
                log: "local.log"
                shell: "echo local > {output}; echo > {log}"
            rule local_script:
                input: "local.txt"
                output: temp("local-script.txt")
                script: "s.py"
            rule handover:
                output: "handover.txt"
                handover: True
                shell: "echo {threads} > {output}"
            rule inline_local:
                input: "local.txt"
                output: directory("dir")
                localrule: True
                shell: "mkdir {output}; cp {input} {output}"
            rule old:
                input: ancient("old.txt"), x="dir"
                output: "old.out"
                shell: "cp {input[0]} {output}"
            def inputs(wildcards): return {"a": "local.txt", "b": ["old.txt", "old.out"]}
            rule function:
                input: unpack(inputs)
                output: "from-function.txt"
                params:
                    n=lambda wc, input, output, threads: f"{len(input)} {output} {threads}",
                    fn=lambda wc, input: input.b
                shell: "cat {input.a} {input.b} > {output}; echo {params} >> {output}"
            rule norun:
                input: "from-function.txt"
                output: touch("norun")
            """,
            "old.txt": "old\n",
            "s.py": COPY,
        },
        # For handover and workflow.cores Snakemake wants it with every executor but its own.
        args=("--cores", "2"),
    ),
    Case(
        "working directory of the workflow",
        {
            "flow/Snakefile": """
            workdir: "work"
            rule all:
                input: "a.txt", "b.txt", "c.txt"
            rule a:
                output: "a.txt"
                shell: "basename $PWD > {output}"
            rule b:
                input: "a.txt"
                output: "b.txt"
                script: "s.py"
            rule c:
                output: "c.txt"
                run: open(output[0], "w").write(os.path.basename(os.getcwd()))
            """,
            "flow/s.py": COPY,
        },
        args=("-s", "flow/Snakefile"),
    ),
    Case(
        "working directory by the command line",
        {
            "flow/workflow/Snakefile": """
            configfile: "config.yaml"
            rule all:
                input: "a.txt", "b.txt"
            rule a:
                input: "in.txt"
                output: "a.txt"
                shell: "cat {input} > {output}; basename $PWD >> {output}"
            rule b:
                input: "a.txt"
                output: "b.txt"
                params: config["key"]
                script: "s.py"
            """,
            "flow/workflow/s.py": "import os; open(snakemake.output[0], 'w').write(os.path.basename(os.getcwd()) + snakemake.params[0])\n",
            "there/config.yaml": "key: there\n",
            "there/in.txt": "in\n",
            "here/x": "",
        },
        cwd="here",
        args=("-s", "../flow/workflow/Snakefile", "--directory", "../there"),
    ),
    Case(
        "a hundred jobs",
        {
            "Snakefile": """
            rule all:
                input: expand("a/{n}.txt", n=range(100))
            rule a:
                output: "a/{n}.txt"
                shell: "echo {wildcards.n} > {output}"
            """
        },
        starts=("auto",),
        mode="direct",
        check=_each_recorded,
    ),
    Case(
        "hooks, nothing but local rules, rule without output",
        {
            "Snakefile": """
            onstart: print("hook: start")
            onsuccess: shell("echo hook: success > hook.txt")
            onerror: print("hook: error")
            envvars: "GIVEN_SECRET"
            rule all:
                input: "a.txt"
                shell: "echo all did run > all.log"
            rule a:
                output: "a.txt"
                shell: "echo ${{#GIVEN_SECRET}} > {output}"
            rule nothing:
                shell: "echo no output > nothing.log; sleep 0.1"
            """
        },
        env={"GIVEN_SECRET": "a-value-that-is-secret"},
        args=("all", "nothing"),
        done=False,
    ),
]
