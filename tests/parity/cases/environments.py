# ruff: noqa: E501 — lines of the workflows
"""Where commands run: environment modules and containers; conda directives that nobody asked for."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from ..harness import Case


def _env() -> dict[str, str]:
    """What tests/clusters/*.sh have brought up on this machine."""
    path = Path(__file__).parents[2] / "clusters" / ".env"
    if not path.exists():
        return {}
    found = dict(re.findall(r'^export (\w+)="?(.*?)"?$', path.read_text(), re.M))
    return {k: v.replace("$PATH", os.environ["PATH"]) for k, v in found.items()}


ENV = _env()
IMAGE = ENV.get("RENKU_TEST_IMAGE", "")


def _no_modules() -> str | None:
    there = os.path.exists(ENV.get("RENKU_TEST_MODULES", ""))
    return None if there else "there are no environment modules (tests/clusters/up.sh)"


def _no_apptainer() -> str | None:
    found = shutil.which("apptainer", path=ENV.get("PATH")) and Path(IMAGE).is_file()
    return None if found else "there is no apptainer with an image (tests/clusters/up.sh)"


CASES = [
    Case(
        "environments that nobody asked for",
        {
            "Snakefile": """
            container: "docker://not/there"
            rule all:
                input: "a.txt", "b.txt"
            rule a:
                output: "a.txt"
                conda: "env.yaml"
                envmodules: "none/1.0"
                shell: "echo > {output}"
            rule b:
                output: "b.txt"
                conda: "env.yaml"
                script: "s.py"
            """,
            "env.yaml": "channels: [conda-forge]\ndependencies: [bash]\n",
            "s.py": "open(snakemake.output[0], 'w').close()\n",
        },
    ),
    Case(
        "environment modules",
        {
            "Snakefile": """
            rule all:
                input: "a.txt", "b.txt", "c.txt"
            rule a:
                output: "a.txt"
                envmodules: "greeting/1.0", "other"
                shell: "echo $GREETING $OTHER > {output}"
            rule b:
                output: "b.txt"
                envmodules: "greeting/1.0"
                script: "s.py"
            rule c:
                output: "c.txt"
                shell: "echo ${{GREETING:-none}} > {output}"
            """,
            "s.py": "import os; open(snakemake.output[0], 'w').write(os.environ['GREETING'])\n",
            "modules/greeting/1.0": "#%Module\nsetenv GREETING hello\n",
            "modules/other": "#%Module\nsetenv OTHER other\n",
            "init.sh": f". {ENV.get('RENKU_TEST_MODULES')}\nmodule use modules\n",
        },
        args=("--sdm", "env-modules"),
        env={"BASH_ENV": "init.sh"},
        needs=_no_modules,
    ),
    Case(
        "containers",
        {
            "Snakefile": f"""
            rule all:
                input: "a.txt", "b.txt", "c.txt"
            rule a:
                output: "a.txt"
                log: "a.log"
                container: "{IMAGE}"
                threads: 2
                shell: "pwd | wc -l > {{output}}; test -d /usr/lib/python3 || echo inside >> {{output}}; echo {{threads}} > {{log}}"
            rule b:
                input: "a.txt"
                output: "b.txt"
                shell: "cat {{input}} > {{output}}; test -d /usr/lib/python3 && echo outside >> {{output}}"
            rule c:
                output: "c.txt"
                container: "image.sif"
                shadow: "minimal"
                shell: "echo $GIVEN > {{output}}"
            """,
            "image.sif": Path(IMAGE).read_bytes() if _no_apptainer() is None else b"",
        },
        args=("--sdm", "apptainer", "--apptainer-args", "--env 'GIVEN=a b'"),
        env={k: v for k, v in ENV.items() if k.startswith("APPTAINER") or k == "PATH"},
        needs=_no_apptainer,
    ),
]
