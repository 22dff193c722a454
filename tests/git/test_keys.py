"""Keys, and what stands for them, against git-annex itself."""

from __future__ import annotations

import random

import pytest

from snakemake_renku.provenance.git import keys
from snakemake_renku.provenance.git.repository import open_repository
from snakemake_renku.provenance.git.rules import Rules
from tests.git.repos import Repo, binary, job

NAMES = [
    *("a", "a.b", "a.tar.gz", "a.tar.gz.bz2", ".bashrc", ".b.c", "a.", "a..b", "..b", "..."),
    *("a.json", "a.jsonl", "a.tar.jsonl", "a.jsonl.gz", "a.c-d", "a.c_d", "a.b+", "a.tar.gz~"),
    *("v1.2.3.nc", "x.12345.nc", "2020.01.01.csv", "a b.nc", "a.NC", "a.nc4", "a.x.", "a.csv\n"),
    *("a.html.gz", "a.mp3.exe.txt", ".a.tar", "-.nc", '"q".nc', "a'b.nc", "{a}.nc", "ü.nc"),
]


def made_up(count: int) -> list[str]:
    chance = random.Random(3)
    names = {
        "".join(chance.choice("ab1..._-~ Z") for _ in range(chance.randint(1, 14)))
        for _ in range(count)
    }
    return sorted(name for name in names if name.strip("."))


@pytest.mark.parametrize(
    ("setting", "longest", "most"),
    [
        (None, None, None),
        ("annex.maxextensionlength=6", 6, None),
        ("annex.maxextensionlength=0", 0, None),
        ("annex.maxextensions=3", None, 3),
    ],
)
def test_extensions_are_those_of_git_annex(
    annex: Repo, setting: str | None, longest: int | None, most: int | None
) -> None:
    names = ["d/" + name for name in [*NAMES, *made_up(700)] if name != "..."]
    for name in names:
        annex.write(name, b"")
    options = ["-c", setting] if setting else []
    asked = "".join(f"{name}\0" for name in names).encode()
    answers = annex.annex("calckey", *options, "--batch", "-z", stdin=asked).split("\n")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for name, answer in zip(names, answers, strict=False):
        kept = keys.extension(name, longest, most)
        assert answer == f"SHA256E-s0--{empty}{kept}", name


def test_keys_of_all_backends_are_those_of_git_annex(annex: Repo) -> None:
    annex.write("a.tar.gz", binary("a"))
    for backend in [*keys.HASHES, *(f"{name}E" for name in keys.HASHES)]:
        hasher = keys.HASHES[keys.hash_of_backend(backend) or ""]()
        hasher.update(binary("a"))
        made = keys.make_key(backend, 4, hasher.hexdigest(), ".tar.gz")
        assert annex.annex("calckey", f"--backend={backend}", "a.tar.gz") == made + "\n"


@pytest.mark.parametrize(
    "key",
    [
        "SHA256E-s3--ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.x",
        "MD5E-s0--d41d8cd98f00b204e9800998ecf8427e.tar.gz",
        "WORM-s3-m1700000000--a%b&c/d:e",
    ],
)
def test_objects_and_logs_are_where_git_annex_has_them(annex: Repo, key: str) -> None:
    format = "${hashdirmixed}|${hashdirlower}|${objectpath}|${objectpointer}"
    mixed, lower, path, pointer = annex.annex("examinekey", key, f"--format={format}").split("|")
    assert f"{keys.mixed_folder(key)}/" == mixed
    assert f"{keys.lower_folder(key)}/" == lower
    assert f".git/annex/objects/{keys.object_file(key)}" == path
    assert keys.pointer(key).decode() == pointer
    assert keys.key_of_link(keys.link_target("a/b", key).encode()) == key
    assert keys.key_of_pointer(keys.pointer(key)) == key


@pytest.mark.parametrize(
    "target", [b"a", b".git/annex/objects/a/b/c/d", b"/annex/objects/x/x", b""]
)
def test_other_links_stand_for_no_key(target: bytes) -> None:
    assert keys.key_of_link(target) is None


@pytest.mark.parametrize("content", [b"", b"text", b"/annex/objects/x\n", b"/annex/objects/\n"])
def test_other_files_are_no_pointers(content: bytes) -> None:
    assert keys.key_of_pointer(content) is None


@pytest.mark.parametrize(
    ("attribute", "setting", "start"),
    [
        ("MD5E", None, "MD5E-s4--"),
        ("SHA512", None, "SHA512-s4--"),
        ("MD5E", "SHA1E", "MD5E-s4--"),
        (None, "SHA1E", "SHA1E-s4--"),
        ("SKEIN256E", None, "SKEIN256E-s4--"),
        ("XXH3", None, "XXH3-s4--"),
        ("WORM", None, "WORM-s4-m"),
    ],
)
def test_the_backend_that_was_chosen_makes_the_keys(
    annex: Repo, attribute: str | None, setting: str | None, start: str
) -> None:
    annex.path(".gitattributes").write_text(f"* annex.backend={attribute}\n" if attribute else "")
    annex.commit_all()
    if setting:
        annex.git("config", "annex.backend", setting)
    annex.record(job(1, annex.write("d/a.nc", binary("a"))))
    assert annex.key("d/a.nc").startswith(start)
    if attribute != "WORM":
        annex.write("d/b.nc", binary("a"))
        annex.annex("add", "--quiet", "d/b.nc")
        assert annex.key("d/b.nc") == annex.key("d/a.nc")
    annex.check()


def test_a_name_of_which_only_git_annex_knows_the_extension(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.ü", binary("a")), annex.write("b.日本", binary("a"))))
    assert annex.key("a.ü").endswith(".ü")
    assert not annex.key("b.日本").endswith("日本")


def test_without_a_choice_the_backend_is_git_annexes_own(annex: Repo) -> None:
    annex.path(".gitattributes").unlink()
    rules = Rules(open_repository(annex.root), [b"a"], {})
    annex.write("a", b"x")
    assert annex.annex("calckey", "a").split("-")[0] == rules.backend(b"a")
