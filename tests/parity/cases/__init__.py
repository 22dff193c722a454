"""The workflows, by topic."""

from . import commands, environments, failures, files, graphs, settings

CASES = [
    *commands.CASES,
    *files.CASES,
    *graphs.CASES,
    *settings.CASES,
    *environments.CASES,
    *failures.CASES,
]
