# ruff: noqa: E501 — lines of the workflows
"""What Snakemake does with the files of a job before and after it."""

from __future__ import annotations

from ..harness import Case, Result

SHADOW = """
rule all:
    input: expand("out/{depth}.txt", depth=["minimal", "shallow", "full", "copy-minimal"]), "run.txt"
"""
for _depth in ("minimal", "shallow", "full", "copy-minimal"):
    SHADOW += f"""
rule {_depth.replace("-", "_")}:
    input: "in/a.txt"
    output: "out/{_depth}.txt"
    log: "logs/{_depth}.log"
    benchmark: "bench/{_depth}.tsv"
    shadow: "{_depth}"
    shell:
        "cat {{input}} > {{output}}; ls -d in out logs bench stray* other 2>/dev/null >> {{output}} || true; test -L {{input}} && echo link >> {{output}} || true;"
        " touch stray.txt; mkdir -p other; echo logged > {{log}}"
"""
SHADOW += """
rule run:
    input: "in/a.txt"
    output: "run.txt"
    shadow: "minimal"
    run:
        open("stray2.txt", "w").close()
        shell("(ls; echo $PWD | grep -c shadow) > {output}")
"""


def _benchmarks(result: Result) -> None:
    plain = result.text("bench/plain.tsv").splitlines()
    assert len(plain) == 4
    assert float(plain[1].split("\t")[0]) >= 0.0
    assert len(result.text("bench/run.tsv").splitlines()) == 2
    assert result.text("bench/run.jsonl").count('"wildcards"') == 1


CASES = [
    Case(
        "temp and protected",
        {
            "Snakefile": """
            rule all:
                input: "d.txt", "protected dir"
            rule a:
                output: temp("a.txt"), keep="a2.txt"
                shell: "echo a > a.txt; echo 2 > a2.txt"
            rule b:
                input: "a.txt"
                output: temp(directory("b")), protected("b.txt")
                shell: "mkdir -p b/c; cat {input} > b/c/x; echo b > b.txt"
            rule c:
                input: "b"
                output: "c.txt", temp("c-unneeded.txt")
                shell: "cat b/c/x > c.txt; echo > c-unneeded.txt"
            rule d:
                input: "a.txt", "c.txt", "script.txt"
                output: protected("d.txt")
                shell: "cat {input} > {output}"
            rule script:
                output: temp("script.txt")
                script: "s.py"
            rule pd:
                output: protected(directory("protected dir"))
                shell: "mkdir -p 'protected dir/x'; echo > 'protected dir/x/y'"
            """,
            "s.py": "open(snakemake.output[0], 'w').write('s\\n')\n",
        },
    ),
    Case(
        "no temp",
        {
            "Snakefile": """
            rule a:
                input: "b"
                output: "a"
                shell: "cp {input} {output}"
            rule b:
                output: temp("b")
                shell: "echo > {output}"
            """
        },
        starts=("auto",),
        args=("--notemp",),
    ),
    Case(
        "touch, directory and existing output",
        {
            "old/gone.txt": "old",
            "kept.txt": "old",
            "deep/er/out.txt": "old",
            "Snakefile": """
            rule all:
                input: "done", "old", "new/dir", "deep/er/out.txt", "x/y/z.txt", "many.1", "link.txt", "empty"
            rule a:
                output: touch("done"), touch("also/done")
                shell: "test ! -e done"
            rule norun:
                input: "done"
                output: touch("norun.done")
            rule b:
                output: directory("old")
                shell: "test ! -e old && mkdir old && echo new > old/new.txt"
            rule c:
                output: directory("new/dir")
                shell: "mkdir -p {output}/deeper && ln -s nowhere {output}/link; touch {output}/f; echo 1 > {output}/.hidden"
            rule d:
                output: "deep/er/out.txt"
                shell: "test ! -e {output} && echo new > {output}"
            rule e:
                output: "x/y/z.txt"
                log: "logs/of/e.log"
                shell: "test -d x/y && test -d logs/of; echo > {output}"
            rule f:
                output: multiext("many", a=".1", b=".2")
                shell: "touch {output}"
            rule g:
                output: "link.txt"
                shell: "ln -s kept.txt {output}"
            rule h:
                output: "empty"
                shell: "touch {output}; chmod 640 {output}"
            """,
        },
        args=("--forceall",),
        done=False,
    ),
    Case(
        "ensure",
        {
            "Snakefile": """
            rule all:
                input: "a", "b"
            rule a:
                output: ensure("a", non_empty=True)
                shell: "echo x > {output}"
            rule b:
                output: ensure("b", sha256="73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac")
                shell: "echo x > {output}"
            """
        },
        mode="direct",
    ),
    Case(
        "ensure that fails",
        {
            "Snakefile": """
            rule all:
                input: "a", "b", "c"
            rule a:
                output: ensure("a", non_empty=True)
                shell: "touch {output}"
            rule b:
                output: ensure("b", sha256="00")
                shell: "echo x > {output}"
            rule c:
                output: ensure("c", non_empty=True)
                run: open(output[0], "w").close()
            """
        },
        args=("--keep-going",),
        code=1,
    ),
    Case(
        "update",
        {
            "log.txt": "before\n",
            "other.txt": "before\n",
            "Snakefile": """
            rule all:
                input: "done", "other done"
            rule first:
                output: update("log.txt")
                shell: "echo first >> {output}"
            rule second:
                input: before_update("log.txt")
                output: update("log.txt"), touch("done")
                shell: "echo second >> log.txt"
            rule script:
                output: update("other.txt"), touch("other done")
                run:
                    open("other.txt", "a").write("script\\n")
            """,
        },
        starts=("auto",),
        args=("--forceall",),
        done=False,
    ),
    Case(
        "update that fails",
        {
            "log.txt": "before\n",
            "Snakefile": """
            rule first:
                output: update("log.txt"), touch("done")
                shell: "echo first >> log.txt; exit 3"
            """,
        },
        starts=("auto",),
        args=("--forceall",),
        code=1,
    ),
    Case("shadow", {"Snakefile": SHADOW, "in/a.txt": "a\n"}, starts=("auto",), differ=("bench/*",)),
    Case(
        "shadow that fails",
        {
            "work/Snakefile": """
            rule all:
                input: "a", "b"
            rule a:
                output: "a"
                log: "log/a"
                shadow: "minimal"
                shell: "echo partial > {output}; echo logged > {log}; exit 2"
            rule b:
                output: "b"
                shadow: "full"
                run:
                    open("b", "w").close()
                    raise ValueError("no")
            """
        },
        starts=("auto",),
        args=("--keep-going", "--shadow-prefix", "../elsewhere"),
        cwd="work",
        code=1,
    ),
    Case(
        "log and benchmark",
        {
            "Snakefile": """
            rule all:
                input: "plain", "run", "fails.not"
            rule plain:
                output: "plain"
                benchmark: repeat("bench/plain.tsv", 3)
                shell: "echo x >> {output}"
            rule run:
                output: "run"
                benchmark: "bench/run.tsv"
                run: open(output[0], "w").close()
            rule jsonl:
                input: "plain"
                output: "fails.not"
                params: "p"
                benchmark: "bench/run.jsonl"
                log: "a/{x}.log".format(x=1), named="b/c.log"
                shell: "touch {output}; echo {log} > {log.named}"
            """
        },
        starts=("auto",),
        args=("--benchmark-extended",),
        differ=("bench/*",),
        check=_benchmarks,
    ),
    Case(
        "odd names",
        {
            "in/ä b.txt": "1\n",
            'in/it\'s,="x".txt': "2\n",
            "in/a:b=c;d&e.txt": "3\n",
            "in/per%cent (1) #.txt": "4\n",
            "Snakefile": """
            NAMES = glob_wildcards("in/{name}.txt").name
            rule all:
                input: expand("out/{name}.sh.txt", name=NAMES), expand("out/{name}.py.txt", name=NAMES),
                       "out/x,y=1.two.txt", expand("out/{name}.d", name=NAMES)
            rule sh:
                input: "in/{name}.txt"
                output: "out/{name}.sh.txt"
                log: "log dir/{name}.log"
                shell: "cat {input:q} > {output:q}; echo {wildcards.name:q} >> {output:q}; echo > {log:q}"
            rule py:
                input: "in/{name}.txt"
                output: "out/{name}.py.txt"
                script: "s.py"
            rule d:
                output: directory("out/{name}.d")
                shell: "mkdir {output:q}"
            rule two:
                output: "out/{a},{b}.two.txt"
                script: "s.py"
            """,
            "s.py": "open(snakemake.output[0], 'w').write(str(dict(snakemake.wildcards.items())))\n",
        },
    ),
    Case(
        "odd working directory",
        {
            "elsewhere/Snakefile": """
            rule all:
                input: "a.txt", "b.txt"
            rule a:
                output: "a.txt"
                shell: "echo > {output}; pwd | tail -c 4 >> {output}"
            rule b:
                input: "a.txt"
                output: "b.txt"
                script: "s.py"
            """,
            "elsewhere/s.py": "import os; open(snakemake.output[0], 'w').write(os.getcwd()[-5:])\n",
        },
        cwd="wörk dir 'q' \"d\" $HOME \\n",
        args=("-s", "../elsewhere/Snakefile"),
    ),
]
