from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.git.repos import Repo, copy, make_annex, make_plain, remove


@pytest.fixture(scope="package", autouse=True)
def _git_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A known user, nothing of the user's configuration, and git-annex on the path."""
    config = tmp_path_factory.mktemp("config") / "gitconfig"
    config.write_text(
        "[user]\n\tname = A Modeller\n\temail = modeller@example.org\n"
        '[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n'
        "[safe]\n\tdirectory = *\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(config))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("PATH", os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
        yield


@pytest.fixture(scope="package")
def _plain(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return make_plain(tmp_path_factory.mktemp("plain") / "repo")


@pytest.fixture(scope="package")
def _annexed(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return make_annex(tmp_path_factory.mktemp("annex") / "repo")


@pytest.fixture
def plain(_plain: Repo, tmp_path: Path) -> Repo:
    """A git repository with one commit."""
    return copy(_plain, tmp_path / "plain")


@pytest.fixture
def annex(_annexed: Repo, tmp_path: Path) -> Iterator[Repo]:
    """A repository with an annex for binary files, text in git."""
    repo = copy(_annexed, tmp_path / "annex")
    yield repo
    remove(repo.root)
