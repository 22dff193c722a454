"""Commands out of which a secret was kept."""

from __future__ import annotations

import pytest

from snakemake_renku.journal import find_run

from .conftest import Project, Replay, replay
from .samples import PASSWORD


@pytest.fixture(scope="module")
def replayed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    clone = project.clone(tmp_path_factory.mktemp("secrets") / "clone")
    return replay(project, clone, "secret")


def test_a_command_with_a_secret_is_made_anew(replayed: Replay) -> None:
    assert replayed.one("secret").ok
    assert replayed.recorded("secret") == replayed.replayed("secret")


def test_the_journal_of_a_replay_keeps_the_secret_too(replayed: Replay) -> None:
    record = replayed.one("secret").record
    assert record is not None
    assert PASSWORD in record.stderr_tail
    assert PASSWORD not in find_run(replayed.clone).read_text()
