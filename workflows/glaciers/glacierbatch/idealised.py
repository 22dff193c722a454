"""A range of idealised glaciers, drawn from a seed: for machines without data or network.

Each is one flowline in a valley of trapezoidal section whose bed falls linearly, with some
roughness; its mass balance is linear in altitude around an equilibrium line (ELA) that rises.
Flow is computed by the semi-implicit solver of OGGM. They lie near 0°N 0°E, so that nobody
takes them for real ones.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from glacierbatch.failures import run_steps
from glacierbatch.groups import check_selection
from glacierbatch.outlines import Outline
from glacierbatch.record import Record, Series
from glacierbatch.session import oggm_session

Array = npt.NDArray[np.float64]

PREFIX = "IDEAL-00."
SPACING = 100.0  # m between points of a flowline
SPIN_UP = 250  # years
YEARS = (2003, 2014, 2101)
# The glaciers grow with an equilibrium line this much lower than today's, so that they are
# out of balance in 2003, as real ones are.
LOWER = 60.0  # m
# Thick ice has a higher surface, so more snow, so a longer glacier; found by trial.
THICKER = 1.4
METRES_PER_DEGREE = 111_195.0
COLUMNS = 6


@dataclass(frozen=True)
class Valley:
    """One valley: altitudes and width in m, slope in m m-1, balance gradient in mm w.e. m-1 yr-1."""

    top: float
    slope: float
    width: float
    widening: float
    ela: float
    gradient: float

    @property
    def length(self) -> float:
        """Length (m) in balance: that of a thin glacier with its ELA at mid-height, times `THICKER`."""
        return THICKER * 2 * (self.top - self.ela) / self.slope


def draw_valley(seed: int, number: int) -> Valley:
    """Draw one valley; it depends on the seed and its own number only."""
    random = np.random.default_rng([seed, number])
    top = random.uniform(3300, 3700)
    return Valley(
        top=top,
        slope=random.uniform(0.12, 0.25),
        width=random.uniform(300, 900),
        widening=random.uniform(0.5, 2.0),
        ela=top - random.uniform(200, 450),
        gradient=random.uniform(4, 8),
    )


def draw_ela_rise(seed: int) -> Array:
    """How far the ELA (m) of the whole range lies above today's in each year from 2003 to 2100."""
    random = np.random.default_rng([seed, 0])
    years = YEARS[2] - YEARS[0]
    trend = np.linspace(0, random.uniform(250, 380), years)
    return np.asarray(trend + random.normal(0, 50, years))


def idealised_ids(count: int) -> list[str]:
    """The ids of so many glaciers."""
    return [f"{PREFIX}{number:05d}" for number in range(1, count + 1)]


def idealised_outlines(count: int, seed: int, wanted: Sequence[str]) -> list[Outline]:
    """Outlines of all drawn glaciers, or of those that are wanted.

    Raises ConfigError for an unknown id.
    """
    ids = idealised_ids(count)
    check_selection(wanted, ids)
    return [_outline(rgi_id, seed) for rgi_id in ids if not wanted or rgi_id in wanted]


def _outline(rgi_id: str, seed: int) -> Outline:
    valley = draw_valley(seed, _number(rgi_id))
    head = _place(rgi_id)
    angle = np.linspace(0, 2 * np.pi, 61)
    # A superellipse: rounder than a box, longer than an ellipse.
    along = (1 + np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.7) * valley.length / 2
    across = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.7 * valley.width / 2
    degrees = np.column_stack([head[0] + across, head[1] - along]) / METRES_PER_DEGREE
    ring = [[float(x), float(y)] for x, y in degrees]
    ring[-1] = ring[0]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return Outline(rgi_id, "", round(valley.length * valley.width * 1e-6, 4), geometry)


def _number(rgi_id: str) -> int:
    return int(rgi_id.removeprefix(PREFIX))


def _place(rgi_id: str) -> tuple[float, float]:
    """Where the head of the glacier lies: metres east and north."""
    row, column = divmod(_number(rgi_id) - 1, COLUMNS)
    return 2000.0 * (column - (COLUMNS - 1) / 2), -9000.0 * row


def run_idealised(ids: Sequence[str], seed: int, record_file: Path) -> None:
    """Run the glaciers of one chunk from the spin-up to 2101, and write their record."""
    records: list[Record] = []
    with oggm_session():
        step = ("flow", lambda rgi_id: records.append(run_glacier(rgi_id, seed)))
        failures = run_steps([(rgi_id, rgi_id) for rgi_id in ids], [step])[1]
        Record.write_chunk(records, failures, record_file)


def run_glacier(rgi_id: str, seed: int) -> Record:
    """Grow one glacier, then let its ELA rise from 2003 to 2101; inside an OGGM session only."""
    from oggm.core.flowline import SemiImplicitModel
    from oggm.core.massbalance import LinearMassBalance

    valley = draw_valley(seed, _number(rgi_id))
    balance = LinearMassBalance(valley.ela - LOWER, grad=valley.gradient)
    model = SemiImplicitModel([_flowline(valley, seed, _number(rgi_id))], mb_model=balance, y0=0)
    model.run_until(SPIN_UP)
    states = [_state(model)]
    for year, rise in enumerate(draw_ela_rise(seed)):
        balance.ela_h = valley.ela + rise
        model.run_until(SPIN_UP + year + 1)
        states.append(_state(model))
    head = _place(rgi_id)
    join = YEARS[1] - YEARS[0]
    return Record(
        rgi_id=rgi_id,
        name="",
        longitude=head[0] / METRES_PER_DEGREE,
        latitude=(head[1] - valley.length / 2) / METRES_PER_DEGREE,
        inventory_area_km2=round(valley.length * valley.width * 1e-6, 4),
        parameters=asdict(valley),
        history=_series(YEARS[0], states[: join + 1]),
        projection=_series(YEARS[1], states[join:]),
    )


def _flowline(valley: Valley, seed: int, number: int) -> Any:
    from oggm.core.flowline import TrapezoidalBedFlowline

    points = int(1.6 * valley.length / SPACING) + 30
    distance = np.arange(points) * SPACING
    noise = np.random.default_rng([seed, number, 1]).normal(0, 1, points)
    kernel = np.hanning(9) / np.hanning(9).sum()
    bed = valley.top - valley.slope * distance + 25 * np.convolve(noise, kernel, mode="same")
    return TrapezoidalBedFlowline(
        line=None,
        dx=1,
        map_dx=SPACING,
        surface_h=bed.copy(),
        bed_h=bed,
        widths=np.full(points, valley.width / SPACING),
        lambdas=np.full(points, valley.widening),
        rgi_id=f"{PREFIX}{number:05d}",
    )


def _state(model: Any) -> tuple[float, float, float]:
    return float(model.volume_m3), float(model.area_m2), float(model.length_m)


def _series(first: int, states: Sequence[tuple[float, float, float]]) -> Series:
    volume, area, length = (list(column) for column in zip(*states, strict=True))
    return Series(list(range(first, first + len(states))), volume, area, length)
