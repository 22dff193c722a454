"""Names are recorded as they are, or refused with a reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git import RecordedFile
from snakemake_renku.provenance.git.paths import Paths, is_gits_own
from tests.git.repos import Repo, binary, digest, job

HOSTILE = [
    *("new\nline", "tab\ttab", '"quoted"', "'single'", "{brace}", "{}", "$(touch x)", "`x`", ";x"),
    *("-rf", "--", "-", " ", " lead", "trail ", "*", "?", "[a]", ":(top)x", ":", "!x", "#x", "~"),
    *("a\\b", "\\", "ünïcödé", "日本", "e\u0301", "\u202e", "\x7f", "\x01", "x" * 200, "a:b"),
    *("@{0}", "HEAD", "git", ".gitx", "a.git", "a.lock", "CON", "a..b", "...", "0" * 40),
    *(os.fsdecode(b"caf\xe9"), os.fsdecode(b"\xff\xfe")),
]


def is_plain(name: str) -> bool:
    """Neither hidden, nor one of those that are no UTF-8, whose content libmagic is not shown."""
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and not any("\udc80" <= letter <= "\udcff" for letter in name)


@pytest.mark.parametrize("kind", ["plain", "annex"])
def test_hostile_names_come_back_as_they_were(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    repo: Repo = request.getfixturevalue(kind)
    files = {f"{folder}/{name}" if folder else name for name in HOSTILE for folder in ("", "dir")}
    files |= {f"under {name}/file" for name in HOSTILE}
    contents = {name: binary(name.encode("utf-8", "surrogateescape").hex()) for name in files}
    written = repo.record(job(1, *(repo.write(name, data) for name, data in contents.items())))
    assert written.left_out == ()
    assert set(repo.changed()) == files
    assert repo.status() == ""
    repo.check()
    clone = Repo(tmp_path / "clone")
    repo.git("clone", "-q", ".", str(clone.root))
    if kind == "plain":
        assert {name: clone.path(name).read_bytes() for name in files} == contents
    else:
        links = [name for name in files if repo.path(name).is_symlink()]
        assert {name for name in files if is_plain(name)} <= set(links)
        assert all(repo.path(name).read_bytes() == contents[name] for name in files)
        assert repo.annex("find", "--in=here", "--json").count("\n") == len(links)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../outside", "outside of the repository"),
        ("a/../../outside", "outside of the repository"),
        ("/etc/passwd", "outside of the repository"),
        (".git/config", "takes for its own"),
        ("a/.git/config", "takes for its own"),
        (".GIT/config", "takes for its own"),
        ("git~1/x", "takes for its own"),
        (".git. /x", "takes for its own"),
        (".git::$INDEX_ALLOCATION/x", "takes for its own"),
        (".g\u200cit/x", "takes for its own"),
        ("", "cannot be a file's"),
        ("a\0b", "cannot be a file's"),
        ("\ud800", "cannot be a file's"),
        ("out/x", "behind a link that leaves the repository"),
        ("own/config", "takes for its own"),
    ],
)
def test_what_cannot_be_in_the_repository_is_left_out(
    plain: Repo, tmp_path: Path, path: str, reason: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    plain.path("out").symlink_to(tmp_path / "elsewhere")
    plain.path("own").symlink_to(".git")
    written = plain.record(job(1, RecordedFile(path, digest(b"x"))))
    assert plain.changed() == []
    assert [one.path for one in written.left_out] == [path]
    assert reason in written.left_out[0].reason


@pytest.mark.parametrize("path", ["./a/./b", "a//b", "x/../a/b", "link/b", "{root}/a/b"])
def test_other_ways_to_name_a_file_are_that_file(plain: Repo, path: str) -> None:
    plain.write("a/b", b"x")
    plain.path("x").mkdir()
    plain.path("link").symlink_to("a")
    plain.record(job(1, RecordedFile(path.format(root=plain.root), digest(b"x"))))
    assert plain.changed() == ["a/b"]


def test_a_text_outside_is_an_error(plain: Repo) -> None:
    with pytest.raises(RecordError, match=r"'\.\./x' cannot be written"):
        plain.record(job(1, **{"../x": b"text"}))


@pytest.mark.parametrize("name", [b".gitignore", b".gitx", b"git", b"git~2", b".g", b"a.git"])
def test_names_that_only_look_like_gits_own_are_fine(name: bytes) -> None:
    assert not is_gits_own(name)


def test_a_root_behind_a_link_is_found(plain: Repo, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(plain.root)
    assert Paths(tmp_path / "link").locate("a/b") == b"a/b"
