"""The faster correction of the GCM climate."""

from pathlib import Path

import numpy as np
import xarray
from conftest import DATA, needs_data


@needs_data
def test_corrected_climate_is_that_of_oggm_from_1961_on() -> None:
    from glacierbatch.data import local_folder
    from glacierbatch.gcm import process_gcm
    from glacierbatch.outlines import read_inventory
    from glacierbatch.session import GCM_PRCP, GCM_TEMP, oggm_session

    data = local_folder(DATA)
    assert data is not None
    with oggm_session(data):
        from oggm import GlacierDirectory, tasks
        from oggm.shop.gcm_climate import process_cmip_data

        table = read_inventory(data)
        gdir = GlacierDirectory(table[table.RGIId == "RGI60-11.00897"].iloc[0])
        tasks.process_custom_climate_data(gdir)
        temp, prcp = data / GCM_TEMP, data / GCM_PRCP
        process_gcm(gdir, temp, prcp, "_ours")
        process_cmip_data(gdir, fpath_temp=str(temp), fpath_precip=str(prcp), filesuffix="_theirs")
        ours, theirs = (_climate(gdir.get_filepath("gcm_data", filesuffix=s)) for s in ("_ours", "_theirs"))
    for name in ("temp", "prcp"):
        np.testing.assert_array_equal(ours[name], theirs[name])


def _climate(path: str | Path) -> xarray.Dataset:
    with xarray.open_dataset(path) as dataset:
        return dataset.sel(time=slice("1961", None)).load()
