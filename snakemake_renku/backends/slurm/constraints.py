"""Features of nodes, as ``--constraint`` asks for them (``man sbatch``)."""

from __future__ import annotations

import re
from collections.abc import Collection

_TOKEN = re.compile(r"\s*([&|(),]|[^&|(),\s]+)")


def matches(constraint: str, features: Collection[str]) -> bool:
    """Whether a node with these features may be among the nodes of a job.

    Knows ``a&b``, ``a,b``, ``a|b`` and parentheses; ``&`` and ``|`` are read from left to right, as
    Slurm does. In forms that speak of several nodes (``a*2&b*2``, ``[a|b]``), one of the features
    is enough. What cannot be read is left to Slurm: it matches.
    """
    if "*" in constraint or "[" in constraint:
        names = re.findall(r"[^\[\]&|(),*\s]+(?:\*\d+)?", re.sub(r"\*\d+", "", constraint))
        return any(name in features for name in names)
    tokens = _TOKEN.findall(constraint)
    try:
        result = _expression(tokens, features)
    except (IndexError, ValueError):
        return True
    return True if tokens else result


def _expression(tokens: list[str], features: Collection[str]) -> bool:
    result = _term(tokens, features)
    while tokens and tokens[0] in ("&", "|", ","):
        operator = tokens.pop(0)
        right = _term(tokens, features)
        result = (result or right) if operator == "|" else (result and right)
    return result


def _term(tokens: list[str], features: Collection[str]) -> bool:
    token = tokens.pop(0)
    if token == "(":
        result = _expression(tokens, features)
        if tokens.pop(0) != ")":
            raise ValueError(token)
        return result
    if token in "&|),":
        raise ValueError(token)
    return token in features
