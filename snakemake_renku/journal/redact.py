"""Keep secrets out of what is written down.

Hidden are the secrets that a workflow declares, as they are and as programs write them (percent
encoded, quoted for a shell, escaped in JSON, in base64), and, whether declared or not, the user
information of URLs (RFC 3986, section 3.2.1) and the query parameters by which URLs carry tokens.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

_SHORTEST = 4
"""Characters; anything shorter is found by chance all over a text."""

_SHORTEST_LINE = 8
"""Characters of a line in a secret of several lines, such as a private key."""

_SHORTEST_NUMBER = 8
"""Digits; sizes and counts have fewer, and a record that says text for a size cannot be read."""

_COMMON = frozenset(
    """
    admin anonymous config data default dict disabled enabled false file files guest hidden home
    host input local localhost log main mode name none null output params password path public
    redacted root rule rules run running script secret shell snakemake success temp test threads
    tmpdir token true undefined user username value
    """.split()  # noqa: SIM905
)
_UNDECODABLE = "surrogateescape"  # as os.environ has values that are not UTF-8
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)
_BEFORE_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*")
_AFTER_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_DIGEST = re.compile(r"sha256(-tree)?:[0-9a-f]{64}")

_TOKEN_PARAMETERS = (
    "x-amz-(?:signature|credential|security-token)",
    "x-goog-(?:signature|credential)",
    "awsaccesskeyid",
    "sig(?:nature)?",
    "(?:access|auth|id|private|refresh|security|session)?[_-]?token",
    "(?:client[_-]?)?secret",
    "passw(?:or)?d|pwd",
    "api[_-]?key",
)


def _patterns(stop: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of user information and of tokens; ``stop`` ends either of them.

    What stands before an image's digest (``docker://name@sha256:…``) is no user information, and
    what is hidden already is left alone.
    """
    user_info = (
        r"(?<=[A-Za-z0-9+.-])(:\\*/\\*/)(?!\[redacted\]@)"
        rf"[^\s/?#\"'<>`{stop}]+@(?!sha(?:256|512):[0-9a-f]{{32}})"
    )
    names, ends = "|".join(_TOKEN_PARAMETERS), rf"&;\s\"'<>#{stop}"
    hidden = rf"\[redacted(?::[^\]]*)?\](?:[{ends}]|\Z)"
    token = rf"((?:[?&;]|\\u0026)(?:{names})=)(?!{hidden})[^{ends}]+"
    return re.compile(user_info, re.ASCII), re.compile(token, re.ASCII | re.IGNORECASE)


_USER_INFO, _TOKEN = _patterns(stop=r"\\")
# In encoded JSON a backslash may stand before a character that the decoded text has there.
_ENCODED = [re.compile(each.pattern.encode(), each.flags & re.I) for each in _patterns("")]


class _Needle(NamedTuple):
    text: str
    name: str
    is_base64: bool = False


class Redactor:
    """Replaces secrets by ``[redacted:NAME]``.

    ``secrets`` maps names to values. Names whose values are too short or too common to be told from
    ordinary text stand in :attr:`skipped`, sorted; empty values are ignored. Nothing is raised.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        values = {name: value.strip() for name, value in secrets.items() if value.strip()}
        self.skipped = tuple(sorted(n for n, value in values.items() if not _can_be_hidden(value)))
        needles = {
            needle.text: needle
            for name, value in sorted(values.items())
            if name not in self.skipped
            for needle in _needles(name, value)
        }
        self._needles = sorted(needles.values(), key=lambda n: (-len(n.text), n.text))
        self._labels = {needle.name: self._label(needle.name) for needle in self._needles}
        self._numbers = {n.text for n in self._needles if len(n.text) >= _SHORTEST_NUMBER}
        self._encoded = _encoded_needles(self._needles)

    def text(self, text: str) -> str:
        """Return the text without secrets; applied twice, it changes nothing more."""
        text = self._without_declared(text)
        if "@" in text:
            text = _USER_INFO.sub(r"\1[redacted]@", text)
        if "=" in text:
            text = _TOKEN.sub(r"\1[redacted]", text)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON-like value without secrets in its strings and keys.

        A number is replaced if it is a secret of at least 8 characters. Digests stay as they are:
        a short secret is found in them by chance.
        """
        if isinstance(value, str):
            return value if _DIGEST.fullmatch(value) else self.text(value)
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, tuple):
            make: Callable[[Any], Any] = getattr(type(value), "_make", tuple)
            return make(self.value(item) for item in value)
        if isinstance(value, int | float) and str(value) in self._numbers:
            return self.text(str(value))
        return value

    def has_work(self, raw: bytes) -> bool:
        """Tell quickly whether something may be hidden in encoded JSON, or in UTF-8 text.

        False is certain: :meth:`value` would change nothing in what ``raw`` encodes.
        """
        if any(needle in raw for needle in self._encoded):
            return True
        user_info, token = _ENCODED
        if b"@" in raw and user_info.search(raw):
            return True
        return b"=" in raw and token.search(raw) is not None

    def tail(self, text: str, limit: int) -> str:
        """Return the last whole lines of the redacted text that fit into ``limit`` characters.

        Of a last line that does not fit, its end. The text must begin where a line begins: half a
        secret at its start cannot be recognised.
        """
        text = self.text(text)
        if limit <= 0:
            return ""
        if len(text) <= limit:
            return text
        start = len(text) - limit
        line = text.find("\n", start - 1) + 1
        return text[line:] if 0 < line < len(text) else text[start:]

    def _mapping(self, mapping: dict[Any, Any]) -> dict[Any, Any]:
        clean: dict[Any, Any] = {}
        for key, item in mapping.items():
            wanted = new = self.value(key)
            count = 1
            while new in clean:
                count += 1
                new = f"{wanted}~{count}"
            clean[new] = self.value(item)
        return clean

    def _without_declared(self, text: str) -> str:
        parts, done = [], 0
        for start, end, name in _merged(sorted(self._found(text))):
            parts += [text[done:start], self._labels[name]]
            done = end
        return "".join(parts) + text[done:] if parts else text

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        for needle, name, is_base64 in self._needles:
            start = text.find(needle)
            while start >= 0:
                end = start + len(needle)
                yield _whole_base64(text, start, end, name) if is_base64 else (start, end, name)
                start = text.find(needle, start + 1)

    def _label(self, name: str) -> str:
        """Return the first label that contains no secret itself."""
        for label in (f"[redacted:{name}]", "[redacted]", "[***]"):
            if not any(needle.text in label for needle in self._needles):
                return label
        return ""


def _can_be_hidden(value: str) -> bool:
    if len(value) < _SHORTEST or value.casefold() in _COMMON:
        return False
    return not (_NUMBER.fullmatch(value) and abs(float(value)) < 1000)


def _needles(name: str, value: str) -> Iterator[_Needle]:
    lines = [line.strip() for line in value.splitlines()]
    long_lines = [line for line in lines if len(line) >= _SHORTEST_LINE and _can_be_hidden(line)]
    for text in dict.fromkeys([value, *(long_lines if len(lines) > 1 else [])]):
        for form in _forms(text):
            yield _Needle(form, name)
        for form in _base64_forms(text):
            yield _Needle(form, name, is_base64=True)


def _forms(text: str) -> Iterator[str]:
    """Yield a text as it is and as programs write it into commands, URLs and JSON."""
    yield text
    for encode in (partial(quote, safe=""), quote, quote_plus):
        encoded = encode(text, errors=_UNDECODABLE)
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), encoded)
    yield shlex.quote(text)[1:-1] if shlex.quote(text) != text else text
    yield text.replace("'", "'\\''")
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", text)
    yield repr(text)[1:-1]
    for escaped in _json_forms(text):
        yield escaped
        yield escaped.replace("/", "\\/")


def _json_forms(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _base64_forms(text: str) -> Iterator[str]:
    """Yield what stays the same of a text in base64, wherever in the encoded bytes it begins.

    So it is found in ``user:text`` too. RFC 4648, sections 4 and 5.
    """
    data = text.encode(errors=_UNDECODABLE)
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).decode()
        shared_at_end = (0, 3, 2)[(before + len(data)) % 3]
        stable = encoded[(0, 2, 3)[before] : len(encoded) - shared_at_end]
        if len(stable) >= _SHORTEST_LINE:
            yield stable
            yield stable.replace("+", "-").replace("/", "_")


def _whole_base64(text: str, start: int, end: int, name: str) -> tuple[int, int, str]:
    """Widen a span to the whole encoded word, whose rim holds bits of the secret."""
    before = _BEFORE_BASE64.match(text[max(0, start - 4096) : start][::-1])
    after = _AFTER_BASE64.match(text, end)
    return start - (before.end() if before else 0), after.end() if after else end, name


def _merged(spans: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Unite spans that overlap, under the name of the longest."""
    if not spans:
        return
    start, end, name = spans[0]
    longest = end - start
    for next_start, next_end, next_name in spans[1:]:
        if next_start >= end:
            yield start, end, name
            start, end, name, longest = next_start, next_end, next_name, 0
        if next_end - next_start > longest:
            name, longest = next_name, next_end - next_start
        end = max(end, next_end)
    yield start, end, name


def _encoded_needles(needles: list[_Needle]) -> tuple[bytes, ...]:
    """Return the needles as they stand in encoded JSON and in plain UTF-8."""
    forms = {form for needle in needles for form in (needle.text, *_json_forms(needle.text))}
    return tuple(sorted(form.encode(errors=_UNDECODABLE) for form in forms))
