"""The files that a workflow was read from."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def source_files(workflow: Any) -> tuple[str, ...]:
    """The local Snakefiles and configuration files that were read to parse ``workflow``."""
    included = (str(s.get_path_or_uri(secret_free=True)) for s in workflow.included)
    start = Path(workflow.workdir_init)
    paths = [*included, *(str(start / f) for f in workflow.configfiles)]
    return tuple(dict.fromkeys(path for path in paths if Path(path).is_file()))
