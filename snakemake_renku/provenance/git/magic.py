"""Whether git-annex would find that a file's ``mimeencoding`` is ``binary``.

It asks libmagic, whose versions look at different parts of a large file. The rule of libmagic
(``encoding.c``): text holds none of some control characters, unless it is UTF-16 or UTF-32 with a
byte order mark, or EBCDIC. So the answer is sure in nearly all cases; in the others it is None.
"""

from __future__ import annotations

LOOK = 8 << 20
"""No version of libmagic looks at more bytes than these."""

_SURE = 64 << 10
"""Every version of libmagic looks at so many bytes."""

_NOT_TEXT = bytes([*range(0x07), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])
_TEXT = bytes(set(range(256)) - set(_NOT_TEXT))
_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")


def is_binary(head: bytes, size: int) -> bool | None:
    """Whether a file of ``size`` bytes that begins with ``head`` is binary; None if unsure.

    ``head`` must be the whole file, or :data:`LOOK` bytes of it.
    """
    if size == 0:
        return True
    if len(head) < 4:
        return None
    if not head.translate(None, _TEXT):
        return False
    if b"\0" in head[:_SURE] and not head.startswith(_MARKS):
        return True
    return None
