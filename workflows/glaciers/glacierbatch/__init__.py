"""Glaciers in batches: from outlines to a projection to 2101 with OGGM, one chunk of glaciers a job."""

__version__ = "0.1.0"
