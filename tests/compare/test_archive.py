from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_renku.replay.compare import pair
from tests.compare.conftest import Compared, told

Make = Callable[[Path], None]


def tar(members: dict[str, bytes], how: str = "w", **info: int) -> Make:
    def make(path: Path) -> None:
        with tarfile.open(path, how) as archive:  # type: ignore[call-overload]
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                for key, value in info.items():
                    setattr(member, key, value)
                archive.addfile(member, io.BytesIO(content))

    return make


def zipped(members: dict[str, bytes], year: int = 2020, level: int = zipfile.ZIP_STORED) -> Make:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", level) as archive:
            for name, content in members.items():
                info = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
                archive.writestr(info, content, compress_type=level)

    return make


MEMBERS = {"a.csv": b"id,n\nx,1\n", "b.txt": b"text\n"}


@pytest.mark.parametrize("how", ["w", "w:gz", "w:bz2", "w:xz"])
def test_times_owners_and_order_in_a_tar_do_not_count(compared: Compared, how: str) -> None:
    turned = dict(reversed(MEMBERS.items()))
    found = compared("a.tar", tar(MEMBERS, how), tar(turned, how, mtime=7, uid=7, mode=0o755))
    assert found.outcome == "equivalent"
    assert found.ignored == (
        "order, times, owners, permissions, comments and compression of the members",
    )


def test_members_are_compared_by_their_kind(compared: Compared) -> None:
    other = {**MEMBERS, "a.csv": b"id,n\nx,2\n"}
    found = compared("a.tar.gz", tar(MEMBERS, "w:gz"), tar(other, "w:gz"))
    assert (found.outcome, found.compared_as) == ("different", "archive, compressed")
    assert told(found) == [("a.csv: line 2 (x), column n", "1", "2")]
    close = {**MEMBERS, "a.csv": b"id,n\nx,1.0000000001\n"}
    assert compared("a.tgz", tar(MEMBERS, "w:gz"), tar(close, "w:gz")).outcome == "equivalent"


def test_members_that_are_missing_or_new_are_told(compared: Compared) -> None:
    found = compared("a.zip", zipped(MEMBERS), zipped({"a.csv": MEMBERS["a.csv"], "c": b""}))
    assert told(found) == [("b.txt", "file", "missing"), ("c", "missing", "file")]


def test_times_and_compression_in_a_zip_do_not_count(compared: Compared) -> None:
    found = compared("a.zip", zipped(MEMBERS), zipped(MEMBERS, 2021, zipfile.ZIP_DEFLATED))
    assert (found.outcome, found.compared_as) == ("equivalent", "archive")


def test_a_link_in_a_tar_is_compared_by_where_it_leads(compared: Compared) -> None:
    def link(target: str) -> Make:
        def make(path: Path) -> None:
            with tarfile.open(path, "w") as archive:
                member = tarfile.TarInfo("link")
                member.type, member.linkname = tarfile.SYMTYPE, target
                archive.addfile(member)

        return make

    found = compared("a.tar", link("/etc/passwd"), link("/etc/group"))
    assert told(found) == [("link", "link to /etc/passwd", "link to /etc/group")]


def test_members_that_would_leave_the_folder_are_read_and_never_placed(
    compared: Compared, tmp_path: Path
) -> None:
    outside = str(tmp_path / "outside")
    found = compared(
        "a.tar", tar({outside: b"1", "../up": b"1"}), tar({outside: b"2", "../up": b"3"})
    )
    assert found.count == 2
    assert not (tmp_path / "outside").exists()


def test_two_members_of_one_name_are_compared_by_bytes(compared: Compared) -> None:
    def double(content: bytes) -> Make:
        def make(path: Path) -> None:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("a", content)
                with pytest.warns(UserWarning, match="Duplicate name"):
                    archive.writestr("a", b"same")

        return make

    found = compared("a.zip", double(b"1"), double(b"2"))
    assert (found.outcome, found.compared_as) == ("different", "bytes")


def test_a_truncated_archive_is_compared_by_bytes(compared: Compared, tmp_path: Path) -> None:
    zipped(MEMBERS)(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    found = compared("a.zip", whole, whole[:-30])
    assert (found.outcome, found.compared_as) == ("different", "bytes")


@pytest.mark.parametrize("pack", [lambda b: gzip.compress(b, mtime=1), bz2.compress, lzma.compress])
def test_a_compressed_file_is_compared_by_what_is_inside(
    compared: Compared, pack: Callable[[bytes], bytes]
) -> None:
    found = compared("a.json.gz", pack(b'{"a": 1}'), pack(b'{"a":2}'))
    assert (found.compared_as, told(found)) == ("json, compressed", [("$.a", "1", "2")])


def test_the_time_in_a_gzip_file_does_not_count(compared: Compared) -> None:
    found = compared("a.gz", gzip.compress(b"x", mtime=1), gzip.compress(b"x", mtime=2))
    assert (found.outcome, found.compared_as) == ("equivalent", "compressed")
    assert "name and time" in found.ignored[0]


def test_a_truncated_compressed_file_is_compared_by_bytes(compared: Compared) -> None:
    whole = gzip.compress(b"some text" * 1000, mtime=0)
    found = compared("a.txt.gz", whole, whole[:-10])
    assert (found.outcome, found.compared_as) == ("different", "bytes")


def test_what_unpacks_to_too_much_is_compared_by_bytes(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real limit would fill the disk.
    monkeypatch.setattr(pair.Room.__init__, "__defaults__", (1 << 20,))
    bombs = [gzip.compress(b"\0" * (2 << 20) + end) for end in (b"1", b"2")]
    found = compared("a.gz", *bombs)
    assert (found.outcome, found.compared_as) == ("different", "bytes")
    assert "it unpacks to more than" in found.ignored[0]


def test_archives_in_archives_are_opened_only_so_deep(compared: Compared) -> None:
    def nested(content: bytes) -> bytes:
        for _ in range(20):
            content = gzip.compress(content, mtime=0)
        return content

    found = compared("a", nested(b"1"), nested(b"2"))
    assert found.outcome == "different"
    assert found.compared_as == "bytes" + ", compressed" * pair.DEEPEST
