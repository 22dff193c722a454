"""Plots of the compiled dataset; equal datasets give equal files."""

from glacierbatch.plots.glaciers import plot_glaciers
from glacierbatch.plots.map import plot_map
from glacierbatch.plots.region import plot_region

__all__ = ["plot_glaciers", "plot_map", "plot_region"]
