from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sys
import time
from pathlib import Path

import pytest

from snakemake_renku.runner.software import canonical_text, installed, normalised, software


def wheel(site: Path, folder: str, name: str = "x", version: str = "1") -> None:
    (site / folder).mkdir(parents=True)
    (site / folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not a header\n"
    )


def test_the_running_interpreter_is_described() -> None:
    found = software()
    assert found.python == platform.python_version()
    assert found.executable == sys.executable
    assert "pytest" in found.packages


def test_the_packages_are_those_that_importlib_finds() -> None:
    expected: dict[str, str] = {}
    for package in importlib.metadata.distributions():
        expected.setdefault(normalised(package.metadata["Name"]), package.version)
    assert software().packages == expected


def test_the_digest_is_over_the_canonical_text(tmp_path: Path) -> None:
    wheel(tmp_path, "B_b-2.0.dist-info")
    wheel(tmp_path, "a-1.0.dist-info")
    found = software([str(tmp_path)])
    python = platform.python_version()
    text = f"python=={python}\na==1.0\nb-b==2.0\n"
    assert canonical_text(python, found.packages) == text
    assert found.digest == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_does_not_depend_on_the_place(tmp_path: Path) -> None:
    wheel(tmp_path / "here", "a-1.0.dist-info")
    wheel(tmp_path / "there", "a-1.0.dist-info")
    assert software([str(tmp_path / "here")]).digest == software([str(tmp_path / "there")]).digest


def test_another_version_has_another_digest(tmp_path: Path) -> None:
    wheel(tmp_path / "here", "a-1.0.dist-info")
    wheel(tmp_path / "there", "a-1.1.dist-info")
    assert software([str(tmp_path / "here")]).digest != software([str(tmp_path / "there")]).digest


def test_names_are_normalised_and_sorted(tmp_path: Path) -> None:
    wheel(tmp_path, "Zope.Interface-6.0.dist-info")
    wheel(tmp_path, "my__pkg-1.0.dist-info")
    assert list(installed([str(tmp_path)]).items()) == [
        ("my-pkg", "1.0"),
        ("zope-interface", "6.0"),
    ]


def test_the_first_folder_of_the_path_wins(tmp_path: Path) -> None:
    wheel(tmp_path / "first", "a-2.0.dist-info")
    wheel(tmp_path / "second", "a-1.0.dist-info")
    path = [str(tmp_path / "first"), str(tmp_path / "second")]
    assert installed(path) == {"a": "2.0"}


@pytest.mark.parametrize(
    ("folder", "package"),
    [
        ("a-1.0+local.1.dist-info", ("a", "1.0+local.1")),
        ("a-1.0_odd.dist-info", ("real-name", "1.0-odd")),
        ("odd.dist-info", ("real-name", "1.0-odd")),
    ],
)
def test_a_folder_name_that_does_not_tell_sends_to_its_metadata(
    tmp_path: Path, folder: str, package: tuple[str, str]
) -> None:
    wheel(tmp_path, folder, "Real.Name", "1.0-odd")
    assert installed([str(tmp_path)]) == dict([package])


@pytest.mark.parametrize("name", ["old-0.5-py3.11.egg-info", "old-0.5.egg-info"])
def test_eggs_count_as_folder_and_as_file(tmp_path: Path, name: str) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    (folder / name).mkdir(parents=True)
    (folder / name / "PKG-INFO").write_text("Name: old\nVersion: 0.5\n")
    file.mkdir()
    (file / name).write_text("Name: old\nVersion: 0.5\n")
    assert installed([str(folder)]) == installed([str(file)]) == {"old": "0.5"}


def test_an_egg_in_a_checkout_tells_its_version_in_its_headers(tmp_path: Path) -> None:
    (tmp_path / "mine.egg-info").mkdir()
    (tmp_path / "mine.egg-info" / "PKG-INFO").write_text("Name: mine\nVersion: 3\n")
    assert installed([str(tmp_path)]) == {"mine": "3"}


def test_the_remains_of_removed_packages_do_not_count(tmp_path: Path) -> None:
    wheel(tmp_path, "~ip-23.0.dist-info", "", "")
    (tmp_path / "gone-1.0.dist-info").mkdir()
    assert installed([str(tmp_path)]) == {}


def test_folders_that_are_not_there_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK")
    assert installed([str(tmp_path / "none"), str(tmp_path / "archive.zip")]) == {}


def test_150_packages_take_less_than_60_ms(tmp_path: Path) -> None:
    for number in range(150):
        wheel(tmp_path, f"package_{number}-1.{number}.dist-info")

    def seconds() -> float:
        start = time.perf_counter()
        assert len(software([str(tmp_path)]).packages) == 150
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.06
