"""The folder in which a replay happens, which is gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from snakemake_renku.errors import ReplayError

_ATTEMPTS, _PAUSE_S = 20, 0.1

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def scratch(*, keep: bool = False) -> Iterator[Path]:
    """A new folder in ``$TMPDIR``; removed at the end, however that comes, unless ``keep``.

    Inside of the block, it also takes what programs leave in ``$TMPDIR``.

    Raises:
        ReplayError: it cannot be made.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="renku-replay-"))
    except OSError as error:
        raise ReplayError(
            f"No scratch folder can be made in {tempfile.gettempdir()}: {error.strerror}.",
            remedy="Set TMPDIR to a folder on a disk with room.",
        ) from error
    try:
        # Links on the way ($TMPDIR may be one) would make paths look as if they led out of here.
        folder = folder.resolve()
        with _temporary_files_in(folder / "tmp"):
            yield folder
    finally:
        if not keep:
            with _undisturbed():
                _remove_for_sure(folder)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block by an exception, so that it tidies up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, _end) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def remove(path: Path) -> None:
    """Remove a file or a folder, also what git-annex has made read-only."""
    if path.is_symlink() or not path.is_dir():
        with contextlib.suppress(FileNotFoundError):
            _try_again(os.unlink, str(path))
    else:
        shutil.rmtree(path, onerror=_after_failure)


def _remove_for_sure(folder: Path) -> None:
    """What a program that was interrupted leaves may still be growing for a moment."""
    for _ in range(_ATTEMPTS):
        remove(folder)
        if not folder.exists():
            return
        time.sleep(_PAUSE_S)


def _after_failure(
    function: Callable[..., Any],
    path: str,
    _: tuple[type[BaseException], BaseException, TracebackType],
) -> None:
    # What cannot be removed even so (files of other users, left by containers) stays.
    with contextlib.suppress(OSError):
        if function in (os.scandir, os.listdir, os.open):
            os.chmod(path, stat.S_IRWXU)
            shutil.rmtree(path, ignore_errors=True)
        else:
            _try_again(function, path)


def _try_again(function: Callable[[str], Any], path: str) -> None:
    try:
        function(path)
    except PermissionError:
        os.chmod(os.path.dirname(path), stat.S_IRWXU)
        function(path)


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    folder.mkdir()
    before, tempfile.tempdir = os.environ.get("TMPDIR"), None
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = None
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


@contextmanager
def _undisturbed() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, signal.SIG_IGN) for one in _ENDING}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
