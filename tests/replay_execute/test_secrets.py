"""Commands out of which a secret was kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_renku.journal import find_run

from .conftest import Project, replay

SECRET = "correct-horse-battery"


def test_a_command_with_a_secret_is_made_anew(
    scratch: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(scratch("secrets"))
    project.write("Snakefile", """
        envvars: "THE_PASSWORD"
        rule only:
            output: "out.txt"
            params: password=os.environ["THE_PASSWORD"]
            shell: "echo {params.password} | tee /dev/stderr | wc -c > {output}"
        """)  # fmt: skip
    project.begin()
    project.run(THE_PASSWORD=SECRET)
    project.commit()
    monkeypatch.setenv("THE_PASSWORD", SECRET)
    replayed = replay(project, project.clone(tmp_path / "clone"))
    assert replayed.recorded("only") == replayed.replayed("only")
    assert SECRET not in find_run(replayed.clone).read_text()
