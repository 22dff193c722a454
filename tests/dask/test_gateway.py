"""A cluster that a real dask-gateway makes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from snakemake_renku.backends import Closed
from snakemake_renku.backends.dask import Gateway
from tests.runner.samples import shell_job

from .conftest import Start, processes, wait_until

pytest.importorskip("dask_gateway_server")

_CONFIG = """
c.DaskGateway.address = "127.0.0.1:{private}"
c.Proxy.address = "127.0.0.1:{public}"
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.UnsafeLocalBackend.clusters_directory = "{folder}"
c.ClusterConfig.worker_cores = 2
c.ClusterConfig.scheduler_cmd = ["{python}", "-P", "-m", "distributed.cli.dask_scheduler"]
c.ClusterConfig.worker_cmd = ["{python}", "-P", "-m", "distributed.cli.dask_worker"]
c.ClusterConfig.environment = {{"PATH": "{path}"}}
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gateway")
    public = free_port()
    (folder / "config.py").write_text(
        _CONFIG.format(
            private=free_port(), public=public, folder=folder / "clusters",
            python=sys.executable, path=os.environ["PATH"],
        )
    )  # fmt: skip
    url = f"http://127.0.0.1:{public}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(Path(sys.executable).with_name("dask-gateway-server")), "--config", "config.py"],
            cwd=folder,
            stdout=log,
            stderr=log,
        )

    def up() -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{url}/api/health") as answer:
            return bool(answer.status == 200)
        return False

    wait_until(up, "the gateway")
    yield url
    server.terminate()
    server.wait(20)


def test_jobs_run_on_a_cluster_that_a_gateway_makes_and_ends(url: str, start: Start) -> None:
    running = start(Gateway(url, workers=1))
    jobs = [shell_job(str(n), "true") for n in range(20)]
    assert all(record.ok for record in running.run(*jobs).values())
    assert running.said == []
    assert isinstance(running.close(), Closed)
    wait_until(lambda: not running.supervisors(), "the end of the supervisor")
    wait_until(lambda: not processes("dask_gateway.scheduler_preload"), "the end of the cluster")
