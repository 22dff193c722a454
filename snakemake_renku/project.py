"""What a project says of itself: title, licence, authors.

From the table ``[project]`` of ``renku.toml``, and where that is silent from ``CITATION.cff``
(Citation File Format 1.2), both of the folder or of one above it within its repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from snakemake_renku.errors import SettingsError

CITATION = "CITATION.cff"


class Author(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A person; ``orcid`` is the number or its URL, ``affiliation`` an institution's name."""

    name: str
    orcid: str | None = None
    email: str | None = None
    affiliation: str | None = None

    @property
    def orcid_url(self) -> str | None:
        """The ORCID as a URL, which identifies the person."""
        if not self.orcid:
            return None
        return "https://orcid.org/" + self.orcid.rstrip("/").rpartition("/")[2]


class Project(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A project; ``license`` is an SPDX identifier, a URL or a text."""

    title: str | None = None
    description: str | None = None
    license: str | None = None
    url: str | None = None
    keywords: tuple[str, ...] = ()
    authors: tuple[Author, ...] = ()


def load_project(folder: Path) -> Project:
    """What is declared for the project in ``folder``; fields that nobody declares have defaults.

    Raises:
        SettingsError: a declaration is malformed.
    """
    declared, cited = Project(), Project()
    for place in _places(folder):
        if (place / "renku.toml").is_file() and declared == Project():
            declared = _declared(place / "renku.toml")
        if (place / CITATION).is_file() and cited == Project():
            cited = _cited(place / CITATION)
    fields = Project.__struct_fields__
    return Project(**{name: getattr(declared, name) or getattr(cited, name) for name in fields})


def _places(folder: Path) -> Iterator[Path]:
    """The folder and those above it, up to the root of its repository."""
    folder = folder.absolute()
    for place in (folder, *folder.parents):
        yield place
        if (place / ".git").exists():
            return
        if not any((above / ".git").exists() for above in place.parents):
            return


class _File(msgspec.Struct):
    project: Project = Project()


def _declared(path: Path) -> Project:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_File).project
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} is malformed: {error}.",
            remedy="Its table [project] may have title, description, license, url, keywords and"
            " authors (a list of tables with name, orcid, email and affiliation).",
        ) from error


def _cited(path: Path) -> Project:
    import yaml  # type: ignore[import-untyped]

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Project(
            title=_text(found.get("title")),
            description=_text(found.get("abstract")),
            license=_license(found.get("license")),
            url=_text(found.get("repository-code") or found.get("url")),
            keywords=tuple(map(str, found.get("keywords") or ())),
            authors=tuple(_author(each) for each in found.get("authors") or ()),
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise SettingsError(
            f"{path} cannot be read as a citation file: {error}.",
            remedy="See https://citation-file-format.github.io for its form.",
        ) from error


def _author(each: dict[str, Any]) -> Author:
    parts = (each.get("given-names"), each.get("name-particle"), each.get("family-names"))
    name = " ".join(str(part) for part in parts if part) or each.get("name") or each.get("alias")
    return Author(
        name=str(name or "unnamed"),
        orcid=_text(each.get("orcid")),
        email=_text(each.get("email")),
        affiliation=_text(each.get("affiliation")),
    )


def _license(value: Any) -> str | None:
    # A citation file may list several, any of which may be chosen.
    return " OR ".join(map(str, value)) if isinstance(value, list) else _text(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
