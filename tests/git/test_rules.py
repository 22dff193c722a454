"""The same files go into the annex as by `git annex add`, and by `datalad save`."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git.expression import Subject, parse
from snakemake_renku.provenance.git.magic import LOOK, is_binary
from tests.git.repos import ATTRIBUTES, Repo, binary, copy, job, make_annex, remove


def archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return stream.getvalue()


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a", "b" * 1000)
    return stream.getvalue()


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


CONTENTS = {
    "empty": b"",
    "one": b"x",
    "one byte of zero": b"\0",
    "two": b"ab",
    "three": b"a\0b",
    "four": b"abcd",
    "text": b"Some words,\nand more.\n",
    "unicode": "Grüße aus Köln, 日本\n".encode() * 9,
    "latin": "Grüße aus Köln\n".encode("latin-1") * 9,
    "utf16": "Grüße\n".encode("utf-16"),
    "utf16 without a mark": "Grüße aus\n".encode("utf-16-le"),
    "utf32": "Grüße\n".encode("utf-32"),
    "utf8 with a mark": "Grüße\n".encode("utf-8-sig"),
    "escape": b"\x1b[31mred\x1b[0m\n",
    "bell": b"ring \x07 and go \x08 back\n",
    "control": b"some \x01 control\n",
    "delete": b"some \x7f delete\n",
    "windows": b"one\r\ntwo\r\n",
    "ebcdic": "SOME WORDS AND MORE".encode("cp500") * 5,
    "data.json": json.dumps({"a": [1, 2.5, None], "b": "ü"}).encode(),
    "data.csv": b"x,y\n" + b"1,2\n" * 200,
    "data.tsv": b"x\ty\n" + b"1\t2\n" * 200,
    "figure.png": png(),
    "figure.svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>\n',
    "paper.pdf": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n",
    "ascii.pdf": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n",
    "data.nc": b"CDF\x01" + bytes(80),
    "data.hdf5": b"\x89HDF\r\n\x1a\n" + bytes(80),
    "data.tar": archive(),
    "data.zip": zipped(),
    "data.gz": b"\x1f\x8b\x08\0" + bytes(10),
    "script.sh": b"#!/bin/sh\necho hello\n",
    "program": b"\x7fELF\x02\x01\x01" + bytes(60),
    "late zero": b"text " * 20_000 + b"\0",
    "early zero": b"text\0" + b"text " * 20_000,
    "long text": b"text and so on\n" * 20_000,
    "random": random.Random(1).randbytes(5000),
    "random small": random.Random(2).randbytes(20),
    ".hidden": b"text\n",
    ".hidden.nc": binary("x"),
    "dir/.dot/file.nc": binary("y"),
    "dir/file.nc": binary("z"),
    "DIR/FILE.NC": binary("Z"),
    "-dash": b"-\0-\0",
    "new\nline": binary("n"),
    '"quoted"': binary("q"),
    "{brace}*.nc": binary("b"),
    "ünï.nc": binary("u"),
}

RULES = {
    "text2git": ATTRIBUTES,
    "none": "",
    "size": "* annex.largefiles=largerthan=1kb\n",
    "size and names": "* annex.largefiles=(largerthan=100b)and(not(include=*.csv))\n",
    "names": "* annex.largefiles=nothing\n*.nc annex.largefiles=anything\n"
    "dir/* annex.largefiles=include=*.nc\n",
    "type": "* annex.largefiles=(not(mimetype=text/*))and(smallerthan=50kb)\n",
    "encoding": "* annex.largefiles=mimeencoding=us-ascii\n",
    "glob": "* annex.largefiles=include=[a-f]*\n",
}


def compare(repo: Repo, tmp_path: Path, *options: str) -> None:
    """Record all in one copy, have git-annex add all in another, and compare the trees."""
    other = copy(repo, tmp_path / "other")
    for name, content in CONTENTS.items():
        other.write(name, content)
    other.annex("add", "--quiet", *options, ".")
    other.git("commit", "-q", "-m", "added")
    repo.record(job(1, *(repo.write(name, content) for name, content in CONTENTS.items())))
    assert tree(repo) == tree(other)
    remove(other.root)


def tree(repo: Repo) -> dict[str, str]:
    entries = repo.git("ls-tree", "-r", "-z", "HEAD").split("\0")[:-1]
    return {path: facts for facts, path in (entry.split("\t", 1) for entry in entries)}


@pytest.mark.parametrize("name", RULES)
def test_rules_in_attributes(tmp_path: Path, name: str) -> None:
    repo = make_annex(tmp_path / "repo", RULES[name])
    compare(repo, tmp_path)
    remove(repo.root)


def test_a_rule_in_the_configuration_comes_first(annex: Repo, tmp_path: Path) -> None:
    annex.git("config", "annex.largefiles", "include=*.csv or include=*.json")
    compare(annex, tmp_path)


def test_a_rule_for_all_clones_comes_last(tmp_path: Path) -> None:
    repo = make_annex(tmp_path / "repo", "*.csv annex.largefiles=anything\n")
    repo.annex("config", "--set", "annex.largefiles", "include=*.json or largerthan=10kb")
    repo.annex("config", "--set", "annex.dotfiles", "true")
    compare(repo, tmp_path)
    remove(repo.root)


def test_in_a_dataset_files_with_a_dot_in_front_are_as_any_other(tmp_path: Path) -> None:
    repo = make_annex(tmp_path / "repo", "")
    repo.write(".datalad/config", b'[datalad "dataset"]\n\tid = 1\n')
    repo.git("-c", "annex.dotfiles=false", "add", ".datalad")
    repo.git("commit", "-q", "-m", "dataset")
    compare(repo, tmp_path, "-c", "annex.dotfiles=true")
    remove(repo.root)


def test_a_rule_that_git_annex_does_not_understand_is_an_error(annex: Repo) -> None:
    annex.git("config", "annex.largefiles", "biggish")
    with pytest.raises(RecordError, match="git annex add"):
        annex.record(job(1, annex.write("a", b"x")))
    assert annex.status() == "?? a\n"


# Expressions

TERMS = [
    *("anything", "nothing", "include=*.csv", "include=a/*", "exclude=*.nc", "exclude=b*"),
    *("largerthan=1k", "smallerthan=2KiB", "largerthan=1500", "largerthan=1MB"),
    *("mimeencoding=binary", "include=?/b.csv"),
]


def expression(chance: random.Random, depth: int) -> str:
    way = chance.random()
    if depth == 0 or way < 0.3:
        return chance.choice(TERMS)
    if way < 0.5:
        return "not " + expression(chance, depth - 1)
    if way < 0.65:
        return f"({expression(chance, depth - 1)})"
    word = chance.choice([" and ", " or ", " "])
    return expression(chance, depth - 1) + word + expression(chance, depth - 1)


def test_expressions_mean_what_they_mean_to_git_annex(annex: Repo) -> None:
    chance = random.Random(1)
    for _ in range(60):
        text = expression(chance, 4)
        path, size = chance.choice(["a/b.csv", "b.nc", "a.csv"]), chance.choice([10, 1200, 3000])
        encoding = chance.choice(["binary", "us-ascii"])
        facts = [f"--file={path}", f"--size={size}", f"--mimeencoding={encoding}"]
        command = ["git-annex", "matchexpression", "--largefiles", text, *facts]
        code = subprocess.run(command, cwd=annex.root, capture_output=True, check=False).returncode
        assert code in (0, 1)
        subject = Subject(path, size, lambda binary=encoding == "binary": binary)
        assert parse(text)(subject) is (code == 0), (text, subject)


@pytest.mark.parametrize(
    "text",
    ["", "(", "anything)", "and", "not", "include=[a]", "largerthan=1.5k", "copies=2", "include="],
)
def test_what_is_not_understood_is_left_to_git_annex(text: str) -> None:
    assert parse(text)(Subject("a", 1, lambda: True)) is None


def test_what_is_not_sure_makes_only_that_unsure_which_hangs_on_it() -> None:
    subject = Subject("a", 1, lambda: None)
    assert parse("mimeencoding=binary")(subject) is None
    assert parse("mimeencoding=binary or anything")(subject) is True
    assert parse("mimeencoding=binary and nothing")(subject) is False
    assert parse("not (mimetype=text/* and anything)")(subject) is None


# Binary or text


def test_what_looks_binary_is_so_to_git_annex_too(annex: Repo) -> None:
    """Contents in all kinds, from text with a little damage to noise."""
    chance = random.Random(5)
    contents = {}
    for number in range(150):
        content = bytearray(b"some words, and more\n" * chance.randint(1, 30))
        for _ in range(chance.choice([0, 1, 2, 50])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        contents[f"{number:03}"] = bytes(content[: chance.randint(4, len(content))])
    for name, content in contents.items():
        annex.write(name, content)
    asked = "".join(f"{name}\0" for name in contents).encode()
    answers = annex.annex("add", "--batch", "-z", "--dry-run", "--json", stdin=asked).split("\n")
    sure = 0
    for (name, content), answer in zip(contents.items(), answers, strict=False):
        found = is_binary(content, len(content))
        if found is not None:
            sure += 1
            assert found is ("adding content to git" not in answer), (name, content)
    assert sure > 75


@pytest.mark.parametrize(
    ("head", "size", "binary"),
    [
        (b"", 0, True),
        (b"x", 1, None),
        (b"text", 4, False),
        (b"te\0t", 4, True),
        (b"\xff\xfet\0", 4, None),
        (b"te\x01t", 4, None),
        (b"t" * LOOK, LOOK + 1, False),
        (b"t" * 65_536 + b"\0", 65_537, None),
    ],
)
def test_what_is_sure_of_a_content(head: bytes, size: int, binary: bool | None) -> None:
    assert is_binary(head, size) is binary


# Content that git converts


@pytest.mark.parametrize(
    "attributes",
    ["* text=auto\n", "* text\n", "* eol=crlf\n", "* ident\n", "*.txt filter=upper\n", "* -text\n"],
)
def test_git_has_what_git_add_would_have_made_of_it(
    plain: Repo, tmp_path: Path, attributes: str
) -> None:
    plain.git("config", "filter.upper.clean", "tr a-z A-Z")
    plain.git("config", "filter.upper.smudge", "tr A-Z a-z")
    plain.path(".gitattributes").write_text(attributes)
    plain.commit_all()
    other = copy(plain, tmp_path / "other")
    contents = {
        "lines.txt": b"one\r\ntwo\r\n",
        "plain.txt": b"one\ntwo\n",
        "ident.txt": b"$Id$\n",
        "binary": b"\0\r\n",
        "new\nline.txt": b"one\r\n",
        '"q".txt': b"one\r\n",
    }
    for name, content in contents.items():
        other.write(name, content)
    other.git("add", "--all")
    other.git("commit", "-q", "-m", "added")
    plain.record(job(1, *(plain.write(name, content) for name, content in contents.items())))
    assert tree(plain) == tree(other)
    assert plain.status() == ""
    for name, content in contents.items():
        assert plain.path(name).read_bytes() == content


def test_the_users_setting_for_the_ends_of_lines_is_followed(plain: Repo, tmp_path: Path) -> None:
    plain.git("config", "core.autocrlf", "input")
    plain.record(job(1, plain.write("a.txt", b"one\r\n")))
    assert plain.content("a.txt") == b"one\n"
    assert os.stat(plain.path("a.txt")).st_size == 5
