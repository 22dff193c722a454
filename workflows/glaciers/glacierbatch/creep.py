"""The one barrier of the chain: a creep factor that is fitted to all glaciers together."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from glacierbatch.archive import unpack
from glacierbatch.download import write_whole
from glacierbatch.errors import DataError
from glacierbatch.groups import Groups
from glacierbatch.parts import Parts
from glacierbatch.session import oggm_session


@dataclass(frozen=True)
class Creep:
    """The fitted creep factor `glen_a` (s-1 Pa-3) and sliding factor `fs` (s-1 Pa-3).

    Volumes are sums over the glaciers that have both a modelled and a consensus volume. With
    no prepared glacier at all, the factors are None.
    """

    glen_a: float | None
    fs: float | None
    glaciers: int
    volume_km3: float
    consensus_volume_km3: float

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_whole(path, (json.dumps(asdict(self), indent=1) + "\n").encode())

    @classmethod
    def read(cls, path: Path | str) -> "Creep":
        """Read what `write` wrote."""
        return cls(**json.loads(Path(path).read_text()))


def fit_creep(groups_file: str, chunks: Sequence[str], data: Path, target: Path, client: Any = None) -> None:
    """Fit the creep factor A to the consensus volume of all prepared glaciers.

    The volume estimate is that of Farinotti et al. (2019, doi:10.1038/s41561-019-0300-3), and
    the fit is the one of OGGM with its own root search, on the whole set at once: the result
    depends on the set and, as the search stops at 1 %, on the search too. With a dask client, its
    workers invert the chunks, and the result is the same.
    Raises DataError if no glacier is in the consensus estimate.
    """
    with oggm_session(data) as work:
        prepared = {rgi_id for chunk in chunks for rgi_id in unpack(chunk, work)[0]}
        # Sums of floating-point numbers depend on the order.
        ids = [rgi_id for rgi_id in Groups.read(groups_file).order if rgi_id in prepared]
        parts = Parts(client, chunks, ids, data) if client is not None else None
        (_fit(ids, parts) if ids else Creep(None, None, 0, 0.0, 0.0)).write(target)


def _fit(ids: Sequence[str], parts: Parts | None) -> Creep:
    from oggm import GlacierDirectory, cfg, workflow

    gdirs = [GlacierDirectory(rgi_id) for rgi_id in ids]
    # A glacier that cannot be inverted is left out of both sums here, and named where the
    # chunks invert it again.
    cfg.PARAMS["continue_on_error"] = True
    with parts.in_use() if parts is not None else nullcontext():
        volumes = workflow.calibrate_inversion_from_consensus(
            gdirs, apply_fs_on_mismatch=True, error_on_mismatch=False
        ).dropna()
    if volumes.empty:
        raise DataError(
            f"none of the {len(ids)} prepared glaciers ({', '.join(ids[:5])} ...) has both an inverted volume"
            " and an entry in the consensus estimate, so the creep factor cannot be fitted"
        )
    glen_a, fs = _factors(next(gdir for gdir in gdirs if gdir.rgi_id == volumes.index[0]), parts)
    return Creep(
        glen_a=float(glen_a),
        fs=float(fs),
        glaciers=len(volumes),
        volume_km3=float(volumes.vol_oggm_m3.sum()) * 1e-9,
        consensus_volume_km3=float(volumes.vol_itmix_m3.sum()) * 1e-9,
    )


def _factors(gdir: Any, parts: Parts | None) -> tuple[Any, Any]:
    """The factors with which a glacier was inverted last, here or by a worker."""
    if parts is not None:
        return parts.inverted[gdir.rgi_id].glen_a, parts.inverted[gdir.rgi_id].fs
    diagnostics = gdir.get_diagnostics()
    return diagnostics["inversion_glen_a"], diagnostics["inversion_fs"]
