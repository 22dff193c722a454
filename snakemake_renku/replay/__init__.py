"""Recorded jobs, executed again in a clean clone, and a verdict on what they make.

:class:`~snakemake_renku.replay.course.Course` is the whole way: which jobs (``target``, ``choice``,
``plan``), a clone with what they need (``clone``, ``fetch``, ``uncommitted``), their execution
(``execute``), and the verdict (``judge``, ``compare``, ``verdict``, ``causes``); ``keep`` keeps it.
"""
