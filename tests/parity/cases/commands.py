# ruff: noqa: E501 — lines of the workflows
"""What does the work of a rule: shell, script, run, notebook, wrapper, template."""

from __future__ import annotations

import importlib.util
import shutil

from ..harness import Case

ALL = ("auto", "warm", "cold")


def _no_r() -> str | None:
    return None if shutil.which("Rscript") else "there is no Rscript"


def _no_notebooks() -> str | None:
    missing = [
        n for n in ("papermill", "ipykernel", "nbconvert") if not importlib.util.find_spec(n)
    ]
    return f"not installed: {', '.join(missing)}" if missing else None


NOTEBOOK = """
{
 "cells": [
  {"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [],
   "source": ["open(snakemake.output[0], 'w').write(f'{snakemake.wildcards.n} {snakemake.threads}')"]}
 ],
 "metadata": {"kernelspec": {"display_name": "P", "language": "python", "name": "python3"},
  "language_info": {"name": "python"}},
 "nbformat": 4, "nbformat_minor": 5
}
"""

CASES = [
    Case(
        "shell",
        {
            "in put.txt": "1\n",
            "Snakefile": r'''
            GREETING = "it's $HOME"
            config["deep"] = {"er": [1, "two words"]}
            def twice(x): return x * 2
            class Thing:
                name = "thing"
            THING = Thing()
            rule all:
                input: "multi.txt", "quoted.txt", "braces.txt", "named.txt", "odd.txt", "list.txt"
            rule multi:
                output: "multi.txt"
                shell:
                    """
                    # a comment
                    for i in 1 2 3; do
                        echo "$i"
                    done > {output}
                    if ! false | true; then echo pipefail >> {output}; fi
                    echo "${{BASH_VERSION:+bash}} $- ${{SHELLOPTS}}" >> {output}
                    cat <<'EOT' >> {output}
                    here 'document' $x
                    EOT
                    """
            rule quoted:
                input: "in put.txt"
                output: "quoted.txt"
                params: word="it's \"so\" $HOME `id` \\ \t*"
                shell: "cat {input:q} > {output:q}; printf '%s\n' {params.word:q} {GREETING:q} >> {output}"
            rule braces:
                output: "braces.txt"
                shell:
                    "echo '{{x}} {{{{y}}}} {config[deep][er][1]} {THING.name}' {GREETING:q} > {output};"
                    "echo {rule} {threads} {resources.tmpdir} {wildcards} >> {output}"
            rule named:
                input: a="in put.txt", b=["in put.txt", "in put.txt"]
                output: first="named.txt", second=touch("second.txt")
                params: 1, 2, k=[3, 4], d=dict(x=5)
                log: l="log/l.log"
                threads: 2
                shell:
                    "echo {input.a:q} {input.b:q} {input[1]:q} {params[0]} {params.k} {params.d[x]}"
                    " {params} {threads} {log.l} {output.first} {snakemake.__name__} > {output.first} 2> {log}"
            rule odd:
                output: "odd.txt"
                shell: "echo a\\tb '\n' \"\x24\" \é✓ > {output}; umask >> {output}; pwd >> {output}; ls /dev/stdin && readlink /proc/self/fd/0 >> {output}"
            rule list:
                output: "list.txt"
                params: things=["a b", "c'd", 1], none=None, flag=True
                shell: "printf '%s\n' {params.things:q} {params.none} {params.flag} > {output}"
            ''',
        },
        starts=ALL,
    ),
    Case(
        "shell environment",
        {
            "Snakefile": """
            shell.prefix("export PRE=fix; ")
            rule all:
                input: "env.txt", "sh.txt", "two.txt"
            rule env:
                output: "env.txt"
                threads: 2
                shell: "env | grep -vE '^(RENKU_|SHLVL|_=|PWD|OLDPWD)' | sort > {output}; trap >> {output}; ulimit -c >> {output}"
            rule sh:
                output: "sh.txt"
                resources: shell_exec="sh"
                shell: "echo $0 $PRE {resources.shell_exec} > {output}"
            rule two:
                output: "two.txt"
                resources: tmpdir="tmp dir"
                shell: "echo $0 $PRE > {output}; echo $TMPDIR {resources.tmpdir:q} >> {output}"
            """,
            "tmp dir/x": "",
        },
        env={"GIVEN": "value with 'quotes'\nand lines"},
    ),
    Case(
        "shell executable",
        {
            "Snakefile": """
            shell.executable("/bin/sh")
            shell.suffix(" ; echo suffix >> log.txt")
            rule a:
                output: "a.txt"
                shell: "echo $0 > {output}"
            """,
        },
    ),
    Case(
        "scripts",
        {
            "config.yaml": "key: [1, {a: b}]\n",
            "in.txt": "input\n",
            "Snakefile": """
            configfile: "config.yaml"
            rule all:
                input: "py-1.txt", "sh.txt", "wrapped.txt", "remote.txt"
            rule py:
                input: "in.txt"
                output: "py-{n}.txt"
                params: a=1, b=dict(c=[2, None, "x"]), d=lambda wc: wc.n * 3
                log: "logs/py-{n}.log"
                threads: 2
                resources: mem_mb=100, word="text"
                script: "scripts/a.py"
            rule bash:
                output: "sh.txt"
                params: word="two words"
                script: "scripts/a.sh"
            rule wrapped:
                input: "in.txt"
                output: "wrapped.txt"
                params: "p"
                wrapper: "file:wrappers/copy"
            rule remote:
                output: "remote.txt"
                script: workflow.basedir + "/scripts/b.py"
            """,
            "scripts/helper.py": "def shout(x):\n    return x.upper()\n",
            "scripts/a.py": """
            from helper import shout
            import os
            with open(snakemake.output[0], "w") as f:
                print(shout(open(snakemake.input[0]).read()), snakemake.params.a, snakemake.params.b,
                    snakemake.params.d, snakemake.threads, dict(snakemake.wildcards.items()),
                    snakemake.config, snakemake.rule, snakemake.resources.mem_mb,
                    snakemake.resources.word, snakemake.log, snakemake.scriptdir, os.getcwd() == os.environ['PWD'], file=f)
            with open(snakemake.log[0], "w") as f:
                f.write("logged")
            print("printed by a script")
            """,
            "scripts/b.py": """
            open(snakemake.output[0], "w").write(snakemake.rule)
            """,
            "scripts/a.sh": """
            echo "${snakemake_output[0]} ${snakemake_params[word]} ${snakemake[threads]}" > "${snakemake_output[0]}"
            """,
            "wrappers/copy/wrapper.py": """
            from snakemake.shell import shell
            shell("cp {snakemake.input} {snakemake.output}; echo {snakemake.params} >> {snakemake.output}")
            """,
            "wrappers/copy/environment.yaml": "channels: [conda-forge]\ndependencies: [python]\n",
        },
        starts=ALL,
    ),
    Case(
        "script in R",
        {
            "Snakefile": """
            rule a:
                output: "r-{n}.txt"
                params: x=[1, 2.5], s="a 'b'", l=dict(k="v"), flag=True
                threads: 2
                script: "a.R"
            """,
            "a.R": """
            writeLines(c(snakemake@wildcards[["n"]], snakemake@params[["x"]], snakemake@params[["s"]],
                snakemake@params[["l"]][["k"]], as.character(snakemake@params[["flag"]]),
                snakemake@threads, snakemake@rule), snakemake@output[[1]])
            """,
        },
        starts=("auto",),
        args=("r-é.txt",),
        needs=_no_r,
    ),
    Case(
        "run",
        {
            "Snakefile": """
            import os
            def shout(x): return x.upper()
            LIST = [1, 2]
            rule all:
                input: "a-1.txt", "b.txt", "c.txt"
            rule a:
                output: "a-{n}.txt"
                params: f=lambda wc: shout(wc.n + "x")
                threads: 2
                log: "a-{n}.log"
                run:
                    with open(output[0], "w") as f:
                        print(params.f, wildcards.n, threads, LIST, rule, resources.tmpdir, file=f)
                    shell("echo {params.f} {threads} > {log}")
                    for line in shell("echo 1; echo 2", iterable=True):
                        print("line", line)
            rule b:
                input: "a-1.txt"
                output: "b.txt"
                run:
                    import sys
                    print("to stderr", file=sys.stderr)
                    text = shell("cat {input}", read=True)
                    open(output[0], "w").write(str(len(text)))
            rule c:
                output: "c.txt"
                run:
                    LIST.append(3)
                    os.environ["SET"] = "x"
                    shell("echo $SET {LIST} > {output}")
            """
        },
        starts=("auto",),
        mode="warm",
    ),
    Case(
        "notebook",
        {
            "Snakefile": """
            rule a:
                output: "n-{n}.txt"
                log: notebook="logs/n-{n}.ipynb"
                notebook: "a.ipynb"
            """,
            "a.ipynb": NOTEBOOK,
        },
        starts=("auto",),
        args=("n-1.txt",),
        needs=_no_notebooks,
        differ=("logs/*.ipynb",),
    ),
    Case(
        "template engine",
        {
            "Snakefile": """
            rule all:
                input: "a.txt", "b.yaml"
            rule a:
                input: t="a.j2"
                output: "a.txt"
                params: word="x", things=[1, 2]
                template_engine: "jinja2"
            rule b:
                input: "b.yte.yaml"
                output: "b.yaml"
                params: things=[1, 2]
                template_engine: "yte"
            """,
            "a.j2": "{{ params.word }} {% for i in params['things'] %}{{ i }},{% endfor %}\n",
            "b.yte.yaml": "?for i in params['things']:\n  - ?i\n",
        },
        starts=("auto",),
    ),
    Case(
        "very long command",
        {
            "Snakefile": """
            rule all:
                input: "a.txt", "b.txt"
            rule a:
                output: "a.txt"
                params: text="x" * 70000
                shell: "echo {params.text} > {output}"
            rule b:
                output: "b.txt"
                params: text="x y'" * 50000
                shell: "echo {params.text:q} > {output}"
            """
        },
        starts=("auto",),
    ),
    Case(
        "printing",
        jobs=1,
        files={
            "Snakefile": r"""
            rule all:
                input: "a", "b", "c", "d", "e"
            rule a:
                output: touch("a")
                shell: "echo out; echo err >&2; printf 'no newline at the end'"
            rule b:
                input: "a"
                output: "b"
                shell: "head -c 5000000 /dev/zero | tr '\\0' x | fold -w 99; touch {output}"
            rule c:
                input: "b"
                output: "c"
                shell: "exec >&-; sleep 0.1; touch {output}"
            rule d:
                input: "c"
                output: "d"
                shell: r"printf '\xff\xfe\n'; touch {output}"
            rule e:
                input: "d"
                output: "e"
                run:
                    print("printed é")
                    shell("touch {output}")
            """
        },
    ),
]
