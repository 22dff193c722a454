"""The recorded images of containers, put where the jobs in the clone look for them."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from snakemake_renku.errors import RenkuError
from snakemake_renku.journal import JobHistory
from snakemake_renku.model import Environment, ResolvedEnvironment
from snakemake_renku.replay.execute.places import Places
from snakemake_renku.runner.image import ImageDigest, resolve_image
from snakemake_renku.runner.parent import die_with_parent
from snakemake_renku.runner.registry import SCHEMES, parse_reference


class ImageMissing(Exception):
    """The recorded image cannot be had; worded to stand after the name of a job."""


class Images:
    """Finds images by their recorded digest: here, where they were, or in their registry.

    ``folder`` is where Snakemake looks for images in the clone; ``say`` is told of each pull.
    """

    def __init__(self, places: Places, folder: Path, say: Callable[[str], None]) -> None:
        self._places, self._folder, self._say = places, folder, say
        self._known: dict[tuple[str, str | None], str | ImageMissing] = {}

    def provide(self, asked: Environment, was: ResolvedEnvironment) -> str:
        """The name by which the image of a step is now known for sure (a reference with a digest,
        or a file).

        Raises:
            ImageMissing: it is gone, or is another one.
        """
        assert asked.container is not None
        key = asked.container, was.image_digest
        if key not in self._known:
            try:
                self._known[key] = self._find(asked.container, asked.image_path, was)
            except ImageMissing as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, ImageMissing):
            raise found
        return found

    def _find(self, url: str, image_path: str | None, was: ResolvedEnvironment) -> str:
        if program() is None:
            raise ImageMissing(f"its image {url} needs apptainer, which is not on this machine")
        if was.image_digest is None:
            raise ImageMissing(f"the digest of its image {url} was not recorded")
        if "://" in url and not url.startswith("file://"):
            return self._pulled(url, image_path, was)
        return self._local(url, was)

    def _local(self, url: str, was: ResolvedEnvironment) -> str:
        """An image that the workflow names by its path."""
        scheme, path = _split(url)
        place = str(self._places.absolute(path))
        if not os.path.exists(place):
            unfetched = " (its content was not fetched)" if os.path.islink(place) else ""
            raise ImageMissing(f"its image {url} is gone{unfetched}")
        name = scheme + place if scheme == "oci:" else place
        found = _resolve(name, place)
        if found.digest != was.image_digest:
            raise ImageMissing(
                f"its image {url} is another one now: {found.digest} instead of {was.image_digest}"
            )
        return name

    def _pulled(self, url: str, image_path: str | None, was: ResolvedEnvironment) -> str:
        """An image of a registry, at the place where Snakemake would have pulled it to."""
        name = hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()
        target = self._folder / f"{name}.simg"
        recorded = self._where_it_was(image_path)
        pinned = _pinned(url, was)
        if target.exists():
            target.unlink()
        if recorded is not None and _is_image(url, recorded, was):
            self._folder.mkdir(parents=True, exist_ok=True)
            target.symlink_to(recorded)
            return pinned or str(target)
        if pinned is None:
            raise ImageMissing(
                f"its image {url} is gone: of it only the digest of a file was recorded, and that"
                " file is not here"
            )
        self._pull(pinned, target)
        return pinned

    def _where_it_was(self, image_path: str | None) -> Path | None:
        if image_path is None:
            return None
        path = Path(self._places.workdir) / image_path
        return path if path.exists() else None

    def _pull(self, pinned: str, target: Path) -> None:
        self._say(f"The image {pinned} is pulled.")
        self._folder.mkdir(parents=True, exist_ok=True)
        new = target.with_suffix(".new")
        done = subprocess.run(
            [program() or "", "pull", "--force", str(new), pinned],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            preexec_fn=die_with_parent,
            check=False,
        )
        if done.returncode != 0:
            new.unlink(missing_ok=True)
            raise ImageMissing(f"its image {pinned} is gone: {_reason(done.stderr)}")
        new.replace(target)


def image_files(jobs: Iterable[JobHistory]) -> Iterator[str]:
    """The recorded paths of the images that jobs name by a path: they are needed in the clone."""
    containers = (step.environment.container for job in jobs for step in job.spec.steps)
    for url in dict.fromkeys(containers):
        if url is not None and ("://" not in url or url.startswith("file://")):
            yield _split(url)[1]


def program() -> str | None:
    """The program that runs containers, as Snakemake chooses it."""
    return shutil.which("apptainer") or shutil.which("singularity")


def _pinned(url: str, was: ResolvedEnvironment) -> str | None:
    """The image by its manifest's digest, where a registry can be asked for that."""
    if was.image_digest_of != "manifest" or not url.startswith(SCHEMES):
        return None
    try:
        reference = parse_reference(url)
    except RenkuError as error:
        raise ImageMissing(f"its image cannot be pulled: {error}") from error
    scheme = next(scheme for scheme in SCHEMES if url.startswith(scheme))
    return f"{scheme}{reference.registry}/{reference.repository}@{was.image_digest}"


def _is_image(url: str, path: Path, was: ResolvedEnvironment) -> bool:
    """Whether the file that Snakemake pulled for the recorded run is still that image."""
    if "@sha256:" in url:
        # Its name says what it was when it was pulled, but its bytes cannot be held against that.
        return False
    # As of an image older than any run, so that no registry is asked what a tag means today.
    return _resolve(url, str(path)) == ImageDigest(was.image_digest, was.image_digest_of)


def _resolve(url: str, path: str) -> ImageDigest:
    return resolve_image(url, path, run_started=math.inf)


def _split(url: str) -> tuple[str, str]:
    for scheme in ("file://", "oci:", "docker-archive:", "oci-archive:"):
        if url.startswith(scheme):
            return scheme, url.removeprefix(scheme)
    return "", url


def _reason(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    fatal = [line for line in lines if line.startswith("FATAL")] or [line for line in lines if line]
    return fatal[-1].removeprefix("FATAL:").strip() if fatal else "it could not be pulled"
