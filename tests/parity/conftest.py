from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from .harness import BUILT_IN, Case, Result, Snakemakes, run

_AHEAD = 3
"""So many cases are run before their tests ask for them, to keep both cores busy."""


@pytest.fixture(scope="session")
def snakemakes() -> Iterator[Snakemakes]:
    servers = Snakemakes(2)
    yield servers
    servers.close()


class Results:
    """Runs each case once with each start, ahead of the tests that compare."""

    def __init__(self, snakemakes: Snakemakes, folder: Path, wanted: list[tuple[Case, str]]):
        self._snakemakes, self._folder = snakemakes, folder
        self._pool = ThreadPoolExecutor(2)
        self._wanted: dict[str, list[tuple[Case, str]]] = {}
        for case, start in wanted:
            starts = self._wanted.setdefault(case.name, [(case, BUILT_IN)])
            starts.append((case, start))
        self._futures: dict[tuple[str, str], Future[Result]] = {}

    def get(self, case: Case, start: str) -> Result:
        names = list(self._wanted)
        at = names.index(case.name)
        for name in names[at : at + _AHEAD]:
            for wanted in self._wanted[name]:
                self._begin(*wanted)
        return self._futures[case.name, start].result()

    def _begin(self, case: Case, start: str) -> None:
        key = case.name, start
        if key not in self._futures:
            folder = self._folder / case.name.replace(" ", "-") / start
            folder.mkdir(parents=True)
            self._futures[key] = self._pool.submit(run, self._snakemakes, case, start, folder)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def results(
    request: pytest.FixtureRequest,
    snakemakes: Snakemakes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Results]:
    wanted = [
        (params["case"], params["start"])
        for item in request.session.items
        if isinstance(params := getattr(getattr(item, "callspec", None), "params", {}), dict)
        and isinstance(params.get("case"), Case)
        and params["case"].needs() is None
    ]
    results = Results(snakemakes, tmp_path_factory.mktemp("parity"), wanted)
    yield results
    results.close()
