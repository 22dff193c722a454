"""OGGM in a process, offline: with a private home folder, and the settings of this workflow.

OGGM and salem read `~` when they are imported, write `~/.oggm_config` and download sample data
when they do not find it. Here they see a home that lives as long as the session and holds what
they look for, so neither the network nor the user's own files are touched.
"""

import importlib.util
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from glacierbatch.errors import DataError

OUTLINES = "test-workflow/rgi/rgi_oetztal.shp"
INTERSECTS = "test-workflow/intersect/rgi_intersect_oetztal.shp"
DEM = "test-workflow/srtm_oetztal.tif"
CLIMATE = "test-workflow/HISTALP_oetztal.nc"
GCM_TEMP = "test-files/cmip5/tas_mon_CCSM4_rcp26_r1i1p1_g025.nc"
GCM_PRCP = "test-files/cmip5/pr_mon_CCSM4_rcp26_r1i1p1_g025.nc"
GEODETIC = "wgms/table_hugonnet_regions_10yr_20yr_ar6period_outdated.csv"
WGMS_LINKS = "wgms/rgi_wgms_links_20220112.csv"
CONSENSUS = "g2ti/rgi62_itmix_df.h5"

REFERENCE_PERIOD = "2000-01-01_2010-01-01"

# Every process must set the same: OGGM compares some with what the calibration remembers.
PARAMS: dict[str, object] = {
    "border": 80,
    "baseline_climate": "CUSTOM",
    "prcp_fac": 1.75,
    "temp_melt": -1.75,
    "geodetic_mb_period": REFERENCE_PERIOD,
    "store_model_geometry": True,
    "use_multiple_flowlines": False,
    "continue_on_error": False,
    "use_multiprocessing": False,
    "has_internet": False,
    # Plain files, since gzip and tar write the time of day into their headers.
    "use_compression": False,
    "use_tar_shapefiles": False,
}


def pinned_hash(package: str, module: str, name: str) -> str:
    """The commit of the sample data that an installed package asks for, read without importing it.

    Raises DataError if the package is not installed or names no commit.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"the Python package {package!r} is not installed in this environment")
    text = (Path(spec.submodule_search_locations[0]) / module).read_text()
    found = re.search(rf"^{name} = '([0-9a-f]{{40}})'", text, re.MULTILINE)
    if found is None:
        raise DataError(f"{package}/{module} names no commit as {name}: this version is not supported")
    return found[1]


def build_home(home: Path, data: Path | None) -> None:
    """Make a home folder in which OGGM and salem find all that they would download."""
    salem = pinned_hash("salem", "__init__.py", "sample_data_gh_commit")
    oggm = pinned_hash("oggm", "utils/_downloads.py", "SAMPLE_DATA_COMMIT")
    (home / ".salem_cache").mkdir(parents=True)
    # salem asks only whether the file exists.
    (home / ".salem_cache" / f"salem-sample-data-{salem}.zip").touch()
    (home / ".oggm").mkdir()
    if data is not None:
        (home / ".oggm" / f"oggm-sample-data-{oggm}").symlink_to(data.resolve())


@contextmanager
def oggm_session(data: Path | None = None) -> Iterator[Path]:
    """OGGM made ready in a scratch folder; yields the working directory of OGGM.

    With a data folder, the whole configuration of the chain is set; without, only what the flow
    models need. HOME is put back at the end, and the scratch folder is removed.
    """
    saved = {key: value for key, value in os.environ.items() if key == "HOME" or key.startswith("OGGM_")}
    # Else matplotlib, which OGGM imports, would list all fonts anew in each private home.
    os.environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    with TemporaryDirectory(prefix="glacierbatch-") as scratch:
        home, work = Path(scratch) / "home", Path(scratch) / "work"
        build_home(home, data)
        work.mkdir()
        for key in saved:
            del os.environ[key]
        os.environ["HOME"] = str(home)
        try:
            _configure(home, work, data)
            yield work
        finally:
            os.environ.pop("HOME")
            os.environ.update(saved)


def _configure(home: Path, work: Path, data: Path | None) -> None:
    from oggm import cfg

    # Set at import, so an earlier session of the same process would still show in them.
    cfg.CACHE_DIR = str(home / ".oggm")
    cfg.CONFIG_FILE = str(home / ".oggm_config")
    initialize = cfg.initialize_minimal if data is None else cfg.initialize
    initialize(logging_level="WARNING")
    cfg.PARAMS.do_log = False
    for key, value in PARAMS.items():
        cfg.PARAMS[key] = value
    cfg.PATHS["working_dir"] = str(work)
    if data is not None:
        cfg.PATHS["dem_file"] = str(data.resolve() / DEM)
        cfg.PATHS["climate_file"] = str(data.resolve() / CLIMATE)
        cfg.set_intersects_db(str(data.resolve() / INTERSECTS))
