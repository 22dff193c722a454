"""The last lines of what a job prints."""

from __future__ import annotations


class Tail:
    """Keeps at most ``limit`` bytes of a stream, cut at a line where there is one.

    More than a record holds: what is cut in the middle of a secret must not be what is kept.
    """

    def __init__(self, limit: int = 12288) -> None:
        self._limit = limit
        self._data = bytearray()
        self._cut = False

    def feed(self, data: bytes) -> None:
        """Take what was printed next."""
        self._data += data
        if len(self._data) > 2 * self._limit:
            del self._data[: -self._limit]
            self._cut = True

    def text(self) -> str:
        """The tail; begins with a whole line if something before it was left out."""
        data, cut = bytes(self._data), self._cut
        if len(data) > self._limit:
            data, cut = data[-self._limit :], True
        if cut and (end := data.find(b"\n")) >= 0:
            data = data[end + 1 :]
        return data.decode("utf-8", "replace")
