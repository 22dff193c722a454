"""Download of pinned files: with retries and a timeout, and never a half-written file."""

import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

from glacierbatch.errors import DataError
from glacierbatch.manifest import BASE_URL, Entry, entries, fault

ATTEMPTS = 4
TIMEOUT = 30.0
PARALLEL = 6


def write_whole(path: Path, content: bytes) -> None:
    """Write a file aside, flush it to disk and rename it, so that no reader sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def fetch(
    folder: Path,
    base_url: str = BASE_URL,
    files: Sequence[Entry] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Bring all files of the manifest into a folder; those that are there and right stay untouched.

    Raises DataError with the address and the last fault when a file cannot be had after some tries.
    """
    files = entries() if files is None else files
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [pool.submit(_fetch_one, entry, folder, base_url, pause) for entry in files]
        try:
            for job in jobs:
                job.result()
        except DataError:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch_one(entry: Entry, folder: Path, base_url: str, pause: Callable[[float], None]) -> None:
    path = folder / entry.path
    if path.is_file() and fault(entry, path.read_bytes()) is None:
        return
    url = f"{base_url}/{entry.path}"
    wrong: str | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(2.0 ** (attempt - 1))
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                content: bytes = answer.read()
        except (OSError, HTTPException) as error:
            wrong = str(error) or type(error).__name__
            if isinstance(error, urllib.error.HTTPError) and error.code in (401, 403, 404, 410):
                break
            continue
        wrong = fault(entry, content)
        if wrong is None:
            write_whole(path, content)
            return
    raise DataError(
        f"cannot fetch {url}: {wrong}.\nWithout a network, give a folder that has the files"
        " (`--config data=FOLDER` or the environment variable GLACIERBATCH_DATA),"
        " or run the idealised glaciers (`--config source=idealised`)."
    )


def reachable(base_url: str = BASE_URL, seconds: float = 6.0) -> bool:
    """Whether the first file of the manifest can be asked for; answers within the given seconds."""
    answers: list[bool] = []

    def ask() -> None:
        request = urllib.request.Request(f"{base_url}/{entries()[0].path}", method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=seconds):
                answers.append(True)
        except (OSError, HTTPException):
            answers.append(False)

    # The look-up of a name obeys no timeout, so a thread that may be left behind asks.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers and answers[0])
