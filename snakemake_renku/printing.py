"""What jobs print, passed on to where Snakemake prints."""

from __future__ import annotations

import codecs
import contextlib
import sys

_Decoder = codecs.IncrementalDecoder


class Printer:
    """Writes the output of jobs as it comes.

    Bytes go through unchanged; where the stream takes only text (a progress display stands in
    between), they are decoded as UTF-8.
    """

    def __init__(self) -> None:
        self._decoders: dict[tuple[str, int], _Decoder] = {}

    def write(self, job: str, stream: int, data: bytes) -> None:
        """Pass on a piece of a job's stdout (1) or stderr (2)."""
        target = sys.stdout if stream == 1 else sys.stderr
        # Whoever closed the stream (a pager, `head`) does not want more; the job goes on.
        with contextlib.suppress(OSError, ValueError):
            buffer = getattr(target, "buffer", None)
            if buffer is not None:
                buffer.write(data)
                buffer.flush()
            else:
                target.write(self._decoder(job, stream).decode(data))
                target.flush()

    def end(self, job: str) -> None:
        """Forget a job that prints no more."""
        for stream in (1, 2):
            self._decoders.pop((job, stream), None)

    def _decoder(self, job: str, stream: int) -> _Decoder:
        make = codecs.getincrementaldecoder("utf-8")
        return self._decoders.setdefault((job, stream), make("replace"))
