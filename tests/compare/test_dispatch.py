from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import netCDF4
import pytest

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare import compare, worker
from tests.compare.conftest import Compared, told


def netcdf(path: Path, value: int = 1, title: str = "t") -> None:
    with netCDF4.Dataset(path, "w") as data:
        data.title = title
        data.createVariable("n", "i4", ())[...] = value


def test_importing_it_imports_no_heavy_package() -> None:
    code = (
        "import sys, snakemake_renku.replay.compare;"
        "print(sorted({'numpy', 'netCDF4', 'zarr', 'PIL', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_content_decides_before_the_suffix(compared: Compared) -> None:
    found = compared("a.csv", lambda p: netcdf(p, 1), lambda p: netcdf(p, 2))
    assert (found.compared_as, told(found)) == ("netcdf", [("variable n", "1", "2")])


def test_other_kinds_of_content_differ(compared: Compared) -> None:
    found = compared("a.nc", netcdf, '{"a": 1}')
    assert told(found)[0] == ("kind of content", "netcdf", "json")
    assert found.outcome == "different"


def test_the_recorded_name_tells_the_kind_of_a_file_with_another_name(tmp_path: Path) -> None:
    key, replayed = tmp_path / "SHA256E-s9--0123", tmp_path / "a.csv"
    key.write_text("id;n\nx;1\n")
    replayed.write_text("id;n\nx;2\n")
    found = compare(key, replayed, Tolerance(), name="results/a.csv")
    assert (found.compared_as, len(found.differences)) == ("table", 1)


def test_a_file_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(CompareError, match="datalad get"):
        compare(tmp_path / "a", tmp_path / "gone", Tolerance())


def test_a_finding_can_be_written_as_json(compared: Compared) -> None:
    found = compared("a.txt", b"caf\xe9 \x1b[0m\n", b"caf\xe8\n")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Finding) == found


def replaced(tmp_path: Path, package: str, code: str) -> dict[str, str]:
    """An environment in which a package is something else."""
    (tmp_path / "modules").mkdir()
    (tmp_path / f"modules/{package}.py").write_text(code)
    return {**os.environ, "PYTHONPATH": str(tmp_path / "modules")}


def compared_elsewhere(tmp_path: Path, name: str, environment: dict[str, str]) -> Finding:
    code = (
        "import sys, msgspec; from pathlib import Path;"
        "from snakemake_renku.replay.compare import compare;"
        "from snakemake_renku.model import Tolerance;"
        "found = compare(Path(sys.argv[1]), Path(sys.argv[2]), Tolerance());"
        "sys.stdout.buffer.write(msgspec.json.encode(found))"
    )
    arguments = [str(tmp_path / side / name) for side in ("recorded", "replayed")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, check=True
    )
    return msgspec.json.decode(done.stdout, type=Finding)


MISSING = "raise ModuleNotFoundError(\"No module named '{0}'\", name='{0}')"


def test_without_a_package_bytes_are_compared_and_the_package_named(
    compared: Compared, tmp_path: Path
) -> None:
    compared("a.nc", netcdf, lambda p: netcdf(p, 2))
    environment = replaced(tmp_path, "netCDF4", MISSING.format("netCDF4"))
    found = compared_elsewhere(tmp_path, "a.nc", environment)
    assert (found.outcome, found.compared_as) == ("different", "bytes")
    assert found.ignored == (
        "the content as netcdf: the package netCDF4 is not installed "
        "(pip install 'snakemake-renku[compare]')",
    )


def test_without_numpy_the_same_holds_for_arrays(compared: Compared, tmp_path: Path) -> None:
    compared("a.npy", b"\x93NUMPY\x01\0one", b"\x93NUMPY\x01\0two")
    environment = replaced(tmp_path, "numpy", MISSING.format("numpy"))
    found = compared_elsewhere(tmp_path, "a.npy", environment)
    assert "the package numpy is not installed" in found.ignored[0]


def test_a_reader_that_crashes_takes_nothing_with_it(compared: Compared, tmp_path: Path) -> None:
    compared("a.nc", netcdf, lambda p: netcdf(p, 2))
    environment = replaced(tmp_path, "netCDF4", "import os\nos.abort()")
    found = compared_elsewhere(tmp_path, "a.nc", environment)
    assert found.compared_as == "bytes"
    assert found.ignored == ("the content as netcdf: reading it ended the reader (SIGABRT)",)


def test_a_reader_that_never_ends_is_given_up(compared: Compared, tmp_path: Path) -> None:
    compared("a.nc", netcdf, lambda p: netcdf(p, 2))
    endless = "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, -1))\nwhile True: pass"
    found = compared_elsewhere(tmp_path, "a.nc", replaced(tmp_path, "netCDF4", endless))
    assert found.compared_as == "bytes"
    assert "more than 60 s of processor time" in found.ignored[0]


def test_a_reader_that_was_killed_is_started_again(compared: Compared) -> None:
    compared("a.nc", netcdf, lambda p: netcdf(p, 2))
    process = worker._worker._process
    assert process is not None
    process.kill()
    process.wait()
    assert compared("a.nc", netcdf, lambda p: netcdf(p, 2)).compared_as == "netcdf"


def test_modules_in_the_current_folder_are_not_imported(compared: Compared, tmp_path: Path) -> None:
    compared("a.nc", netcdf, lambda p: netcdf(p, 2))
    (tmp_path / "netCDF4.py").write_text("raise RuntimeError('trapped')")
    code = (
        "import os, sys; sys.path.remove(''); os.chdir(sys.argv[1]); from pathlib import Path;"
        "from snakemake_renku.replay.compare import compare;"
        "from snakemake_renku.model import Tolerance;"
        "print(compare(Path('recorded/a.nc'), Path('replayed/a.nc'), Tolerance()).compared_as)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "netcdf"


def test_threads_may_compare_at_once(compared: Compared) -> None:
    compared("a.nc", netcdf, lambda p: netcdf(p, 2))
    paths = [compared.folder / side / "a.nc" for side in ("recorded", "replayed")]
    found: list[Finding] = []

    def run() -> None:
        found.extend(compare(paths[0], paths[1], Tolerance()) for _ in range(5))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f.count for f in found] == [1] * 20
