"""From outlines to a calibrated mass balance: the first half of the chain, one chunk at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from glacierbatch.archive import pack
from glacierbatch.failures import Failure, run_steps
from glacierbatch.groups import Groups
from glacierbatch.outlines import read_inventory
from glacierbatch.session import CLIMATE, GEODETIC, REFERENCE_PERIOD, WGMS_LINKS, oggm_session

# A shorter record says more about some weather than about the glacier.
LONG_RECORD = 30  # years

CALIBRATION = {"calibrate_param1": "melt_f", "calibrate_param2": "temp_bias"}


def prepare_chunk(groups_file: str, chunk: str, data: Path, target: Path) -> None:
    """Take the glaciers of one chunk to their apparent mass balance; writes one tar.

    Glaciers that fail are listed in the tar. The chain is that of Maussion et al. (2019,
    doi:10.5194/gmd-12-909-2019) with elevation-band flowlines.
    """
    ids = Groups.read(groups_file).chunks[chunk]
    with oggm_session(data) as work:
        table = read_inventory(data)
        gdirs, failures = _open_directories(table[table.RGIId.isin(ids)])
        items = [(gdir.rgi_id, gdir) for gdir in gdirs]
        survivors, later = run_steps(items, _steps(data))
        pack(work, [Path(gdir.dir) for gdir in survivors], failures + later, target)


def _open_directories(table: Any) -> tuple[list[Any], list[Failure]]:
    from oggm import GlacierDirectory

    gdirs: list[Any] = []
    items = [(str(row.RGIId), row) for _, row in table.iterrows()]
    step = ("GlacierDirectory", lambda row: gdirs.append(GlacierDirectory(row)))
    return gdirs, run_steps(items, [step])[1]


def _steps(data: Path) -> list[tuple[str, Callable[[Any], object]]]:
    from oggm import tasks

    tasks_ = [
        tasks.define_glacier_region,
        tasks.simple_glacier_masks,
        tasks.elevation_band_flowline,
        tasks.fixed_dx_elevation_band_flowline,
        tasks.compute_downstream_line,
        tasks.compute_downstream_bedshape,
        tasks.process_custom_climate_data,
        name_climate_source,
        _calibration(data),
        tasks.apparent_mb_from_any_mb,
    ]
    return [(task.__name__, task) for task in tasks_]


def name_climate_source(gdir: Any) -> None:
    """Give the climate source by file name, as OGGM gives it by a path that differs from run to run.

    In a new file, since the old one would keep room for the old text, and so depend on its length.
    """
    import netCDF4

    path = Path(gdir.get_filepath("climate_historical"))
    aside = path.with_suffix(".new")
    with netCDF4.Dataset(path) as old, netCDF4.Dataset(aside, "w", format=old.data_model) as new:
        new.setncatts({**old.__dict__, "climate_source": Path(CLIMATE).name})
        for name, dimension in old.dimensions.items():
            new.createDimension(name, None if dimension.isunlimited() else len(dimension))
        for name, variable in old.variables.items():
            copy = new.createVariable(name, variable.dtype, variable.dimensions, zlib=True)
            copy.setncatts(variable.__dict__)
            copy[:] = variable[:]
    aside.replace(path)


def _calibration(data: Path) -> Callable[[Any], object]:
    """The task that fits the melt factor, and if need be the temperature bias.

    Glaciers with a long WGMS record are fitted to its mean, others to the geodetic mean
    of their region (Hugonnet et al. 2021, doi:10.1038/s41586-021-03436-z).
    """
    import pandas
    from oggm import tasks

    regions = pandas.read_csv(data / GEODETIC)
    regions = regions[regions.period == REFERENCE_PERIOD].set_index("reg")
    links = pandas.read_csv(data / WGMS_LINKS)
    long_records = set(links.RGI60_ID[links.N_MB_YRS >= LONG_RECORD])

    def mb_calibration(gdir: Any) -> None:
        if gdir.rgi_id in long_records:
            tasks.mb_calibration_from_wgms_mb(gdir, **CALIBRATION)
            gdir.add_to_diagnostics("calibrated_on", "WGMS record")
            return
        region = regions.loc[int(gdir.rgi_region)]
        tasks.mb_calibration_from_scalar_mb(
            gdir,
            ref_mb=float(region.dmdtda),
            ref_mb_err=float(region.err_dmdtda),
            ref_period=REFERENCE_PERIOD,
            **CALIBRATION,
        )
        gdir.add_to_diagnostics("calibrated_on", "regional geodetic mean")

    return mb_calibration
