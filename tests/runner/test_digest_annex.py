"""A link into an annex counts as the file that it stands for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from snakemake_renku.errors import DigestError
from snakemake_renku.runner.digest import Found, digest_file, digest_paths, digest_tree
from snakemake_renku.runner.digest_annex import key_of_link, sha256_of_key, size_of_key
from snakemake_renku.runner.digest_cache import DigestCache

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
KEY = f"SHA256E-s3--{ABC}.nc"
MD5 = "MD5E-s3--900150983cd24fb0d6963f7d28e17f72.nc"


def put(root: Path, name: str, key: str, content: bytes | None) -> None:
    """A link as git-annex makes it, with its content or without."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = root / ".git" / "annex" / "objects" / "ab" / "cd" / key / key
    if content is not None:
        stored.parent.mkdir(parents=True)
        stored.write_bytes(content)
    path.symlink_to(os.path.relpath(stored, path.parent))


def plain(root: Path) -> str:
    """The digest of the folder before anything was annexed."""
    for name, content in (("out/a.nc", b"abc"), ("out/deep/b", b"b")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return digest_tree(root / "out")


@pytest.mark.parametrize("key", [KEY, MD5])
def test_a_folder_has_one_digest_before_and_after_its_files_are_annexed(
    tmp_path: Path, key: str
) -> None:
    before = plain(tmp_path)
    (tmp_path / "out/a.nc").unlink()
    put(tmp_path, "out/a.nc", key, b"abc")
    assert digest_tree(tmp_path / "out") == before
    assert digest_paths([tmp_path / "out"])[0].size == 4


def test_a_folder_has_the_same_digest_where_its_content_is_not_here(tmp_path: Path) -> None:
    before = plain(tmp_path)
    (tmp_path / "out/a.nc").unlink()
    put(tmp_path, "out/a.nc", KEY, None)
    assert digest_tree(tmp_path / "out") == before
    assert digest_paths([tmp_path / "out"])[0].size == 4


def test_a_content_that_is_here_counts_for_more_than_its_key(tmp_path: Path) -> None:
    before = plain(tmp_path)
    (tmp_path / "out/a.nc").unlink()
    put(tmp_path, "out/a.nc", KEY, b"abd")
    assert digest_tree(tmp_path / "out") != before


def test_a_content_that_no_key_tells_has_to_be_here(tmp_path: Path) -> None:
    put(tmp_path, "out/a.nc", MD5, None)
    with pytest.raises(DigestError, match=r"out/a\.nc': its content is not in the annex") as caught:
        digest_tree(tmp_path / "out")
    assert "git annex get" in str(caught.value.remedy)


def test_an_executable_counts_as_one(tmp_path: Path) -> None:
    plain(tmp_path)
    (tmp_path / "out/a.nc").chmod(0o755)
    before = digest_tree(tmp_path / "out")
    (tmp_path / "out/a.nc").unlink()
    put(tmp_path, "out/a.nc", KEY, b"abc")
    (tmp_path / "out/a.nc").resolve().chmod(0o555)
    assert digest_tree(tmp_path / "out") == before


def test_other_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "objects").mkdir()
    (tmp_path / "out/a").symlink_to("../objects")
    before = digest_tree(tmp_path / "out")
    (tmp_path / "objects/x").touch()
    assert digest_tree(tmp_path / "out") == before


def test_a_folder_in_the_place_of_a_content_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "out/a.nc", KEY, None)
    stored = tmp_path / ".git/annex/objects/ab/cd" / KEY / KEY
    stored.mkdir(parents=True)
    before = digest_tree(tmp_path / "out")
    (stored / "x").touch()
    assert digest_tree(tmp_path / "out") == before


def test_a_file_is_what_its_link_leads_to(tmp_path: Path) -> None:
    put(tmp_path, "a.nc", KEY, b"abc")
    mtime = (tmp_path / "a.nc").stat().st_mtime
    assert digest_file(tmp_path / "a.nc") == f"sha256:{ABC}"
    assert digest_paths([tmp_path / "a.nc"]) == [Found("file", f"sha256:{ABC}", 3, mtime)]


def test_a_file_whose_content_is_not_here_is_missing(tmp_path: Path) -> None:
    put(tmp_path, "a.nc", KEY, None)
    assert digest_paths([tmp_path / "a.nc"]) == [Found("missing")]


def test_what_is_behind_a_link_is_remembered(tmp_path: Path) -> None:
    put(tmp_path, "out/a.nc", KEY, b"abc")
    os.utime((tmp_path / "out/a.nc").resolve(), (1, 1))
    cache = DigestCache(None)
    path = tmp_path / "out/a.nc"
    cache.store(os.fsencode(path), path.stat(), path.stat().st_ctime_ns + 10**10, bytes(32))
    assert digest_tree(tmp_path / "out", cache=cache) != digest_tree(tmp_path / "out")


def test_git_annex_itself_changes_no_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    if shutil.which("git-annex") is None:
        pytest.skip("git-annex is not installed")
    user = ("-c", "user.name=A", "-c", "user.email=a@example.org")

    def git(*arguments: str, where: Path = tmp_path / "one") -> None:
        subprocess.run(["git", *user, *arguments], cwd=where, check=True, capture_output=True)

    (tmp_path / "one").mkdir()
    git("init", "-q")
    git("annex", "init")
    before = plain(tmp_path / "one")
    git("annex", "add", ".")
    git("commit", "-q", "-m", "added")
    git("clone", "-q", str(tmp_path / "one"), str(tmp_path / "two"), where=tmp_path)
    assert (tmp_path / "one/out/a.nc").is_symlink()
    assert not (tmp_path / "two/out/a.nc").exists()
    assert digest_tree(tmp_path / "one/out") == digest_tree(tmp_path / "two/out") == before
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path)], check=True)


@pytest.mark.parametrize(
    "target",
    [
        b"x",
        b".git/annex/objects/ab/cd/one/other",
        b"annex/objects/ab/cd/" + KEY.encode() + b"/" + KEY.encode(),
        b".git/annex/objects/ab/cd/nokey/nokey",
    ],
)
def test_other_targets_hold_no_key(target: bytes) -> None:
    assert key_of_link(target) is None


@pytest.mark.parametrize("folders", ["ab/cd/", "abc/def/", ""])
def test_keys_are_found_in_every_layout(folders: str) -> None:
    target = f"../../.git/annex/objects/{folders}{KEY}/{KEY}"
    assert key_of_link(target.encode()) == KEY


@pytest.mark.parametrize(
    ("key", "digest", "size"),
    [
        (KEY, f"sha256:{ABC}", 3),
        (f"SHA256-s3--{ABC}", f"sha256:{ABC}", 3),
        (f"SHA256E-s3-m170--{ABC}.tar.gz", f"sha256:{ABC}", 3),
        (f"SHA256E--{ABC}", f"sha256:{ABC}", None),
        (f"SHA256E-s9-S3-C1--{ABC}", None, 9),
        (f"SHA256E-s3--{ABC[1:]}", None, 3),
        (MD5, None, 3),
        ("URL--http&c%%example.org%x-s4-", None, None),
    ],
)
def test_a_key_tells_digest_and_size(key: str, digest: str | None, size: int | None) -> None:
    assert (sha256_of_key(key), size_of_key(key)) == (digest, size)
