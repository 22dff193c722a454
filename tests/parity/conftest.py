from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import Case, Results, Snakemakes


@pytest.fixture(scope="session")
def snakemakes() -> Iterator[Snakemakes]:
    servers = Snakemakes(3)
    yield servers
    servers.close()


# From the start of the session: runs go on beside the tests that wait for something else.
@pytest.fixture(scope="session", autouse=True)
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
