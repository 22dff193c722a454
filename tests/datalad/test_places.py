from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_renku.provenance.datalad.places import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "repo" / "sub" / "wf").mkdir(parents=True)
    root = (tmp_path / "repo").resolve()
    return Places(root, root / "sub" / "wf", "/old/repo/sub/wf")


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("out/a", "sub/wf/out/a"),
        ("../data/x", "sub/data/x"),
        ("../../../elsewhere", None),
        ("/old/repo/sub/wf/out/a", "sub/wf/out/a"),
        ("/old/repo/data", "data"),
        ("/old/repository/data", None),
        ("/etc/passwd", None),
        ("../../.git/config", None),
        ("a/../b", "sub/wf/b"),
    ],
)
def test_a_recorded_path_is_found_in_a_repository_that_has_moved(
    places: Places, path: str, inside: str | None
) -> None:
    assert places.inside(path) == inside


def test_paths_below_the_present_root_are_found_too(places: Places) -> None:
    assert places.inside(str(places.root / "data" / "x")) == "data/x"
    assert places.from_pwd(str(places.root / "data" / "x")) == "../../data/x"


def test_what_is_behind_a_link_out_of_the_repository_is_outside(
    places: Places, tmp_path: Path
) -> None:
    (tmp_path / "scratch").mkdir()
    (places.workdir / "results").symlink_to(tmp_path / "scratch")
    assert places.inside("results/a") is None
    assert places.inside("results") == "sub/wf/results"


def test_what_is_behind_a_link_within_the_repository_is_where_it_leads(places: Places) -> None:
    (places.root / "store").mkdir()
    (places.workdir / "results").symlink_to("../../store")
    assert places.inside("results/a") == "store/a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat /old/repo/sub/wf/a > b", "cat a > b"),
        ("cat '/old/repo/sub/wf/a b'", "cat 'a b'"),
        ("cd /old/repo/sub/wf && ls", "cd . && ls"),
        ("cc -I/old/repo/include x.c", "cc -I../../include x.c"),
        ("x --data=/old/repo/data/y", "x --data=../../data/y"),
        ("cat /old/repo/sub/wf/-x", "cat ./-x"),
        ("ls /old/repo/sub/wf/", "ls ./"),
        ("ls /old/repo/sub/wf/*.txt", "ls ./*.txt"),
        ("cat /older/old/repo/sub/wf/a", "cat /older/old/repo/sub/wf/a"),
        ("cat /old/repo/sub/wf2/a", "cat ../../sub/wf2/a"),
        ("cat /old/repo2/a", "cat /old/repo2/a"),
        ("curl file:///old/repo/a", "curl file:///old/repo/a"),
    ],
)
def test_absolute_paths_in_a_command_become_relative(
    places: Places, text: str, expected: str
) -> None:
    assert places.in_text(text) == expected
