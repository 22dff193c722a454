"""A workflow that uses all that there is, and its files."""

from __future__ import annotations

PASSWORD = "correct-horse-battery"

NAMES = ["-it's", 'a "b" c', "new\nline", "grün €", "$HOME & more; *", "back\\slash"]

SNAKEFILE = """
configfile: "config/config.yaml"
envvars: "THE_PASSWORD"
HERE = os.getcwd()

localrules: at_home

rule all:
    input:
        "out/shell.txt", "out/script.json", "out/config.txt", "out/last.txt", "out/gathered.txt",
        "out/counted.txt", "out/benchmarked.txt", "out/grouped.txt", "out/at_home.txt",
        "out/piped.txt", "out/shadowed.txt", "out/run.txt", "out/touched", "out/appended.txt",
        f"{HERE}/out/absolute.txt", "out/threads.txt",
        expand("odd/{name}.txt", name=config["names"]),
        "out/c.txt", "out/d.txt", "out/f.txt", "out/slow_a.txt", "out/slow_b.txt", "out/secret.txt"
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
rule a:
    input: "data/a.txt"
    output: "out/a.txt"
    shell: "cat {input} {input} >> {output}"
rule b:
    input: "out/a.txt"
    output: "out/b.txt"
    script: "scripts/b.py"
rule c:
    input: "out/b.txt"
    output: "out/c.txt"
    shell: "sort {input} > {output}"
rule d:
    input: "data/d.txt"
    output: "out/d.txt"
    shell: "cp {input} {output}"
rule e:
    output: temp("tmp/e.txt")
    shell: "echo e > {output}"
rule f:
    input: "tmp/e.txt"
    output: "out/f.txt"
    log: "logs/f.log"
    shell: "cat {input} > {output} 2>> {log}"
rule slow_a:
    input: "data/seconds.txt"
    output: "out/slow_a.txt"
    shell: "touch .snakemake/begun.$$; sleep $(cat {input}); echo a > {output}"
rule slow_b:
    input: "data/seconds.txt"
    output: "out/slow_b.txt"
    shadow: "minimal"
    shell: "touch {HERE}/.snakemake/begun.$$; sleep $(cat {input}); echo b > {output}"
rule secret:
    output: "out/secret.txt"
    params: password=os.environ["THE_PASSWORD"]
    shell: "echo {params.password} | tee /dev/stderr | wc -c > {output}"
"""

SCRIPT = """
import json
import helper
numbers = [snakemake.params.factor * int(line) for line in open(snakemake.input[0])]
json.dump({"sum": helper.add(numbers)}, open(snakemake.output[0], "w"))
print("logged", file=open(snakemake.log[0], "w"))
"""

FILES = {
    "Snakefile": SNAKEFILE,
    "config/config.yaml": f"names: {NAMES!r}\naa: of the file\nbb: of the file\ncc: 1\n",
    "config/more.yaml": "bb: of another file\ncc: 2\n",
    "data/in.txt": "1\n2\n3\n",
    "data/a.txt": "2\n1\n",
    "data/d.txt": "d\n",
    "data/seconds.txt": "0\n",
    "scripts/script.py": SCRIPT,
    "scripts/helper.py": "def add(numbers): return sum(numbers)\n",
    "scripts/b.py": """
        text = open(snakemake.input[0]).read()
        open(snakemake.output[0], "w").write(text + "0\\n")
        """,
}
