"""Paths of the recorded run, found again in the clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_renku.replay.execute import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A clone of a repository whose run was recorded in its folder ``sub``."""
    (tmp_path / "clone" / ".git").mkdir(parents=True)
    (tmp_path / "clone" / "sub").mkdir()
    return Places("/home/ana/project/sub", tmp_path / "clone" / "sub")


def test_a_path_in_the_recorded_folder_is_one_in_the_clone(places: Places) -> None:
    assert places.path("/home/ana/project/sub/a/b.txt") == f"{places.clone}/a/b.txt"


def test_a_path_beside_the_folder_in_its_repository_moves_with_it(places: Places) -> None:
    assert places.path("/home/ana/project/scripts/x.py") == f"{places.root}/scripts/x.py"


@pytest.mark.parametrize("path", ["a/b.txt", "/home/ana/project2/a", "/home/ana", "../up"])
def test_other_paths_stay(places: Places, path: str) -> None:
    assert places.path(path) == path


@pytest.mark.parametrize(
    "text",
    [
        "cat {}/a.txt",
        "cat '{}/with blank'",
        'cat "{}"',
        "tool --out={}/x --in {}",
        "cd {}; ls",
        "tool -I{}/include",
        "curl file://{}/x",
        "PATH=/bin:{}/bin tool",
        "echo ({}/x)",
    ],
)
def test_a_command_names_the_clone_where_it_named_the_recorded_folder(
    places: Places, text: str
) -> None:
    recorded = "/home/ana/project/sub"
    assert places.text(text.replace("{}", recorded)) == text.replace("{}", str(places.clone))


@pytest.mark.parametrize(
    "text",
    [
        "cat /home/ana/project2/a",
        "cat /home/ana/project-old/a",
        "cat /home/ana/project.bak/a",
        "cat /mnt/home/ana/project/a",
        "cat backup/home/ana/project/a",
        "cat ./home/ana/project/a",
    ],
)
def test_what_only_looks_like_the_recorded_folder_stays(places: Places, text: str) -> None:
    assert places.text(text) == text


def test_a_clone_below_the_recorded_folder_is_not_moved_twice(tmp_path: Path) -> None:
    clone = tmp_path / "scratch" / "clone"
    (clone / ".git").mkdir(parents=True)
    places = Places(str(tmp_path), clone)
    assert places.text(f"cat {tmp_path}/a") == f"cat {clone}/a"


def test_the_root_of_the_file_system_is_never_taken_for_a_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "data").mkdir()
    places = Places("/data", tmp_path / "data")
    assert places.path("/usr/bin/env") == "/usr/bin/env"
    assert places.path("/data/a") == f"{tmp_path}/data/a"


@pytest.mark.parametrize("path", ["../../../elsewhere", "/etc/passwd", "../.git/config"])
def test_what_is_not_in_the_working_tree_is_outside(places: Places, path: str) -> None:
    assert not places.is_inside(path)
