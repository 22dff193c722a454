"""The files around a job in the clone: old outputs away, folders there, inputs present."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from snakemake_renku.model import FileSpec, JobSpec
from snakemake_renku.replay.execute.places import Places
from snakemake_renku.replay.execute.specs import files_of


class Workspace:
    """Prepares and looks at files in the clone. Specs are those of the replay."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._folders: set[str] = set()

    def clear(self, specs: Iterable[JobSpec]) -> None:
        """Remove what the jobs are to make.

        Never through a link: an annexed file is a link to the only copy of its content.

        Raises:
            OSError: something cannot be removed.
        """
        for spec in specs:
            for file in files_of(spec):
                if "update" in file.flags:
                    _detach(self._places.absolute(file.path))
                else:
                    _remove(self._places.absolute(file.path))

    def make_folders(self, spec: JobSpec) -> None:
        """Make the folders that a job writes into.

        Raises:
            OSError: one cannot be made.
        """
        for file in files_of(spec):
            folder = os.path.dirname(self._places.absolute(file.path))
            if folder not in self._folders:
                os.makedirs(folder, exist_ok=True)
                self._folders.add(folder)
        if spec.tmpdir is not None and spec.tmpdir not in self._folders:
            os.makedirs(spec.tmpdir, exist_ok=True)
            self._folders.add(spec.tmpdir)

    def missing_inputs(self, spec: JobSpec) -> list[str]:
        """The inputs of a job that are not there (a link to nothing is not)."""
        made_here = {file.path for step in spec.steps for file in step.output}
        wanted = dict.fromkeys(file.path for step in spec.steps for file in step.input)
        return [p for p in wanted if p not in made_here and not self._is_there(p)]

    def missing_outputs(self, spec: JobSpec) -> list[str]:
        """The outputs of a job that are not there."""
        outputs = (file for step in spec.steps for file in step.output if not _passes(file))
        return [f.path for f in outputs if not os.path.lexists(self._places.absolute(f.path))]

    def why_missing(self, path: str) -> str:
        """Why an input is not there, in a few words."""
        place = self._places.absolute(path)
        if place.is_symlink():
            return "its content was not fetched" if _is_annexed(place) else "it is a broken link"
        if not self._places.is_inside(path):
            return "it is outside of the repository, and not on this machine"
        return "it is not in the repository"

    def leads_out(self, path: str) -> bool:
        """Whether ``path`` is outside of the clone, by its name or by a link, or all of it."""
        if not self._places.is_inside(path) or self._holds_all(path):
            return True
        folder = os.path.realpath(self._places.absolute(path).parent)
        return not self._places.holds(Path(folder))

    def _holds_all(self, path: str) -> bool:
        """Whether the working directory itself is (in) what stands at ``path``."""
        return self._places.clone.is_relative_to(self._places.absolute(path))

    def _is_there(self, path: str) -> bool:
        return os.path.exists(self._places.absolute(path))


def _passes(file: FileSpec) -> bool:
    """Whether a file is there for a while only: a pipe, or the mark of a service."""
    return "pipe" in file.flags or "service" in file.flags


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            place.unlink()


def _detach(place: Path) -> None:
    """Put a copy in the place of a link, so that what writes to it writes to nothing else."""
    if place.is_symlink() and place.is_file():
        copy = place.with_name(f".{place.name[:200]}.renku")
        shutil.copyfile(place, copy)
        os.replace(copy, place)


def _is_annexed(link: Path) -> bool:
    return "/annex/objects/" in os.readlink(link)
