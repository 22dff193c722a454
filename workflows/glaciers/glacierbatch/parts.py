"""The inversions of the creep fit in parts, on the workers of a dask cluster.

The search stays OGGM's own: it asks for the volumes of all glaciers, for one creep factor after the
other, and only how these are come by is exchanged here. The numbers, and so the result, are the same.
"""

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from glacierbatch.archive import unpack
from glacierbatch.errors import ConfigError
from glacierbatch.session import oggm_session

# OGGM and HDF5 know one configuration and one caller per process; a worker may have several threads.
_one_at_a_time = threading.Lock()


class Inverted(NamedTuple):
    """What the inversion of a glacier gave: volume in m3 or None, and the factors that it used."""

    volume: float | None
    glen_a: float | None
    fs: float | None


class Opened:
    """The glacier directories that a worker has unpacked: opening one takes longer than inverting it."""

    def __init__(self, data: str) -> None:
        self.data = data
        self._stack = ExitStack()
        self._work = self._stack.enter_context(oggm_session(Path(data)))
        self._chunks: dict[str, list[Any]] = {}

    def chunk(self, path: str) -> list[Any]:
        """The glacier directories of a chunk."""
        from oggm import GlacierDirectory

        if path not in self._chunks:
            self._chunks[path] = [GlacierDirectory(rgi_id) for rgi_id in unpack(path, self._work)[0]]
        return self._chunks[path]

    def close(self) -> None:
        """Remove them."""
        self._stack.close()


_opened: Opened | None = None


def invert_part(chunk: str, ids: Collection[str], data: str, glen_a: float, fs: float) -> dict[str, Inverted]:
    """Invert those of a chunk's glaciers that are in `ids`, in this process."""
    global _opened
    with _one_at_a_time:
        if _opened is None or _opened.data != data:
            _close()
            _opened = Opened(data)
        # Not before: at its first import it looks at the home that is open now.
        from oggm import cfg, tasks, workflow

        cfg.PARAMS["continue_on_error"] = True
        gdirs = [gdir for gdir in _opened.chunk(chunk) if gdir.rgi_id in ids]
        if not gdirs:
            return {}
        workflow.inversion_tasks(gdirs, glen_a=glen_a, fs=fs)
        volumes = workflow.execute_entity_task(tasks.get_inversion_volume, gdirs)
        return {gdir.rgi_id: _inverted(gdir, volume) for gdir, volume in zip(gdirs, volumes, strict=True)}


def close_parts() -> None:
    """Remove what `invert_part` has left in this process and on its disk."""
    with _one_at_a_time:
        _close()


def _close() -> None:
    global _opened
    if _opened is not None:
        _opened.close()
        _opened = None


def _inverted(gdir: Any, volume: float | None) -> Inverted:
    found = gdir.get_diagnostics()
    return Inverted(volume, found.get("inversion_glen_a"), found.get("inversion_fs"))


def _here(chunk: str, **same: Any) -> tuple[str, dict[str, Inverted]]:
    """`invert_part`, and the address of the worker that did it."""
    from distributed import get_worker

    return get_worker().address, invert_part(chunk, **same)


class Parts:
    """The chunks of prepared glaciers, inverted by the workers of a dask client, one task each."""

    def __init__(self, client: Any, chunks: Sequence[str], ids: Sequence[str], data: Path) -> None:
        # Workers may have another working directory.
        self._chunks = [str(Path(chunk).resolve()) for chunk in chunks]
        self._client, self._ids, self._data = client, frozenset(ids), str(data.resolve())
        self._last: dict[str, str] = {}
        self.inverted: dict[str, Inverted] = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let OGGM's search ask the workers; with OGGM 1.6, which calls these two and no other task."""
        from oggm import workflow

        saved = workflow.inversion_tasks, workflow.execute_entity_task
        workflow.inversion_tasks, workflow.execute_entity_task = self._invert, self._volumes
        try:
            yield
        finally:
            workflow.inversion_tasks, workflow.execute_entity_task = saved
            self._client.run(close_parts, on_error="ignore")

    def _invert(self, gdirs: Sequence[Any], glen_a: float, fs: float, **_: object) -> None:
        parts = [self._submit(chunk, glen_a, fs) for chunk in self._chunks]
        for chunk, (worker, found) in zip(self._chunks, self._client.gather(parts), strict=True):
            self._last[chunk] = worker
            self.inverted.update(found)

    def _submit(self, chunk: str, glen_a: float, fs: float) -> Any:
        # To the worker that has it open, as long as there is that worker. Impure: its files are no
        # arguments, and it may be asked twice with the same factors.
        where = {"workers": [self._last[chunk]], "allow_other_workers": True} if chunk in self._last else {}
        same = {"ids": self._ids, "data": self._data, "glen_a": glen_a, "fs": fs}
        return self._client.submit(_here, chunk, pure=False, **where, **same)

    def _volumes(self, task: Any, gdirs: Sequence[Any], **_: object) -> list[float | None]:
        if task.__name__ != "get_inversion_volume":
            raise ConfigError(f"`dask_workers` does not know OGGM's task {task.__name__}; set it to 0")
        return [self.inverted[gdir.rgi_id].volume for gdir in gdirs]


@contextmanager
def own_cluster(snakemake: Any) -> Iterator[Any]:
    """A client of the step's own dask cluster if its rule asks for workers, else None.

    Raises ConfigError if what that takes is not installed.
    """
    if not snakemake.resources.get("dask_workers"):
        yield None
        return
    try:
        from snakemake_renku import dask_client
    except ImportError as error:
        raise ConfigError(
            f"{error}: `dask_workers` above 0 needs more packages: pip install 'glacierbatch[dask]'"
        ) from error
    with dask_client(snakemake) as client:
        yield client
