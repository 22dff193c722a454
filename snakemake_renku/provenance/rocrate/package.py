"""A crate on disk: a folder or a zip file, written aside and then put in its place."""

from __future__ import annotations

import os
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from snakemake_renku.errors import ExportError


def write_folder(destination: Path, files: Mapping[str, Path], texts: Mapping[str, bytes]) -> None:
    """Write a crate as a folder.

    Raises:
        ExportError: there is something already, or it cannot be written; nothing is left behind.
    """
    if destination.exists() and not _is_empty_folder(destination):
        raise ExportError(f"{destination} is there already.", remedy="Name another place.")
    aside = _aside(destination)
    try:
        aside.mkdir(parents=True)
        for place, content in sorted(texts.items()):
            _new(aside / place).write_bytes(content)
        for place, source in sorted(files.items()):
            _copy(source, _new(aside / place))
        _sync(aside)
        if destination.exists():
            destination.rmdir()
        aside.rename(destination)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise _failed(destination, error) from error
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def write_zip(
    destination: Path, files: Mapping[str, Path], texts: Mapping[str, bytes], made: float
) -> None:
    """Write a crate as a zip file, of which every entry is dated ``made`` (seconds, UTC).

    Raises:
        ExportError: it cannot be written; what was there stays.
    """
    aside = _aside(destination)
    date = (time.gmtime(max(made, 315532800))[:6],)  # zip files know no time before 1980
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            for place, content in sorted(texts.items()):
                archive.writestr(_entry(place, *date), content)
            for place, source in sorted(files.items()):
                for name, file in _walk(place, source):
                    with file.open("rb") as data, archive.open(_entry(name, *date), "w") as to:
                        shutil.copyfileobj(data, to, 1 << 20)
        with aside.open("rb") as done:
            os.fsync(done.fileno())
        aside.replace(destination)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise _failed(destination, error) from error
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _entry(name: str, date: tuple[int, ...]) -> zipfile.ZipInfo:
    year, month, day, hour, minute, second = date
    entry = zipfile.ZipInfo(name, (year, month, day, hour, minute, second))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    return entry


def _walk(place: str, source: Path) -> Iterator[tuple[str, Path]]:
    if not source.is_dir():
        yield place, source
        return
    for path in sorted(source.rglob("*")):
        if path.is_file():
            yield f"{place}/{path.relative_to(source).as_posix()}", path


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)
        times = source.stat()
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


def _new(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _aside(destination: Path) -> Path:
    return destination.absolute().with_name(f".{destination.name}.{secrets.token_hex(4)}.partial")


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def _failed(destination: Path, error: OSError) -> ExportError:
    what = error.filename or destination
    return ExportError(
        f"Cannot write the crate {destination}: {error.strerror or error} ({what}).",
        remedy="Nothing was left behind; check that place, and try again.",
    )
