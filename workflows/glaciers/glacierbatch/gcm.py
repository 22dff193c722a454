"""Climate of a global model, corrected for one glacier: the numbers of OGGM in a quarter of its time.

`oggm.shop.gcm_climate.process_cmip_data` reads both files anew for each glacier and counts the
days of each month one by one, which takes most of its time. Here both are done once per process;
the correction itself (`process_gcm_data`) is left to OGGM.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

# The bias correction compares 1961-1990 and scales by windows of 31 years, so that nothing
# before 1946 has a part in what is computed from 1961 on. OGGM would correct from 1870.
FIRST_YEAR = 1946


def process_gcm(gdir: Any, temperature: Path, precipitation: Path, suffix: str) -> None:
    """Correct monthly temperature (K) and precipitation (kg m-2 s-1) to the climate of one glacier.

    Writes the file `gcm_data` of the glacier directory, with °C and kg m-2 per month.
    """
    from oggm.shop.gcm_climate import process_gcm_data

    temp = _cell(temperature, "tas", float(gdir.cenlon), float(gdir.cenlat))
    prcp = _monthly_sums(precipitation, float(gdir.cenlon), float(gdir.cenlat))
    process_gcm_data(gdir, temp=temp, prcp=prcp, output_filesuffix=suffix, source=suffix)


@lru_cache(maxsize=16)
def _read(path: Path, variable: str) -> Any:
    import xarray

    decoder = xarray.coders.CFDatetimeCoder(use_cftime=True)
    with xarray.open_dataset(path, decode_times=decoder) as dataset:
        return dataset[variable].sel(time=slice(str(FIRST_YEAR), None)).load()


def _cell(path: Path, variable: str, longitude: float, latitude: float) -> Any:
    field = _read(path, variable)
    if field.lon.min() >= 0 and longitude <= 0:
        longitude += 360
    cell = field.sel(lon=longitude, lat=latitude, method="nearest")
    lon = float(cell.lon)
    return cell.assign_coords(lon=lon if lon <= 180 else lon - 360)


def _monthly_sums(path: Path, longitude: float, latitude: float) -> Any:
    import numpy as np
    from oggm import cfg

    from glacierbatch.errors import DataError

    rate = _cell(path, "pr", longitude, latitude)
    if "kg m-2 s-1" not in rate.units:
        raise DataError(f"{path}: precipitation is in {rate.units!r}; needed: kg m-2 s-1")
    days = np.array(cfg.DAYS_IN_MONTH)[rate["time.month"].values - 1]
    return rate * days * (60 * 60 * 24)
