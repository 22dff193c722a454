from __future__ import annotations

import base64
import json
import shlex
import time
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import msgspec
import pytest

from snakemake_renku.journal.redact import Redactor

SECRET = "pa/ss w0rd'\"ß&+"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\nabc=\n-----END KEY-----\n"


def test_a_declared_secret_is_replaced_by_its_name() -> None:
    assert Redactor({"DB": "hunter22"}).text("psql -p hunter22;") == "psql -p [redacted:DB];"


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        shlex.quote(SECRET),
        "'" + SECRET.replace("'", "'\\''") + "'",
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(SECRET).replace("/", "\\/"),
        repr(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"user:{SECRET}".encode()).decode(),
        base64.b64encode(f"me:{SECRET}\n".encode()).decode(),
        base64.b64encode(f"you:{SECRET}".encode()).decode(),
    ],
)
def test_a_secret_is_found_as_programs_write_it(written: str) -> None:
    redactor = Redactor({"PW": SECRET})
    clean = redactor.text(f"before: {written} after")
    assert clean.replace("'", "").replace('"', "") == "before: [redacted:PW] after"
    assert redactor.has_work(f"before: {written} after".encode())


def test_the_longer_secret_goes_first() -> None:
    redactor = Redactor({"A": "abcdef", "B": "abcdefghij"})
    assert redactor.text("x abcdefghij abcdef") == "x [redacted:B] [redacted:A]"


def test_secrets_that_overlap_leave_no_part() -> None:
    redactor = Redactor({"A": "12345abc", "B": "abc6789"})
    assert redactor.text("<12345abc6789>") == "<[redacted:A]>"


def test_a_secret_that_overlaps_itself_leaves_no_part() -> None:
    assert Redactor({"A": "abab-abab"}).text("<abab-abab-abab>") == "<[redacted:A]>"


def test_the_end_of_line_of_a_secret_file_does_not_matter() -> None:
    assert Redactor({"A": "hunter22\n"}).text("hunter22.") == "[redacted:A]."


def test_each_long_line_of_a_secret_counts() -> None:
    redactor = Redactor({"KEY": KEY})
    assert redactor.text("read hkiG9w0BAQEFAASC\n") == "read [redacted:KEY]\n"
    assert redactor.text(KEY) == "[redacted:KEY]\n"
    assert redactor.text("abc=") == "abc="


@pytest.mark.parametrize("value", ["abc", "true", "False", "none", "999", "-12.5", "0042", "test"])
def test_values_like_ordinary_text_are_skipped_and_named(value: str) -> None:
    redactor = Redactor({"FLAG": value, "PW": "hunter22"})
    assert redactor.skipped == ("FLAG",)
    assert redactor.text(f"{value} hunter22") == f"{value} [redacted:PW]"


def test_empty_values_are_neither_hidden_nor_named() -> None:
    redactor = Redactor({"NOTHING": "", "BLANK": " \n"})
    assert redactor.skipped == ()
    assert redactor.text("as it was") == "as it was"


def test_a_label_never_contains_a_secret() -> None:
    redactor = Redactor({"MY_S3CRET": "S3CRET"})
    assert redactor.text("x S3CRET") == "x [redacted]"


def test_a_value_that_is_not_utf_8_is_hidden() -> None:
    value = b"caf\xe9-caf\xe9".decode("utf-8", "surrogateescape")
    redactor = Redactor({"A": value})
    assert redactor.text(f"<{value}>") == "<[redacted:A]>"
    assert redactor.has_work(b"<caf\xe9-caf\xe9>")


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://user:pass@host/x", "https://[redacted]@host/x"),
        ("https://token@host/x", "https://[redacted]@host/x"),
        ("https://u:p@ss@host:8080", "https://[redacted]@host:8080"),
        ("postgresql+psycopg://u:p@db/x", "postgresql+psycopg://[redacted]@db/x"),
        (r"https:\/\/u:p@host\/x", r"https:\/\/[redacted]@host\/x"),
        ("https://host/a@b", "https://host/a@b"),
        ("https://host?mail=a@b", "https://host?mail=a@b"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ('{"a":"http://host","b":"me@host"}', '{"a":"http://host","b":"me@host"}'),
        (f"docker://ubuntu@sha256:{'0' * 64}", f"docker://ubuntu@sha256:{'0' * 64}"),
        (f"docker://u:p@h/x@sha256:{'0' * 64}", f"docker://[redacted]@h/x@sha256:{'0' * 64}"),
    ],
)
def test_the_user_information_of_a_url_is_hidden(url: str, clean: str) -> None:
    redactor = Redactor({})
    assert redactor.text(f"get {url} now") == f"get {clean} now"
    assert redactor.has_work(url.encode()) == (url != clean)


@pytest.mark.parametrize(
    "parameter",
    [
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "x-goog-signature",
        "AWSAccessKeyId",
        "sig",
        "Signature",
        "token",
        "access_token",
        "private_token",
        "password",
        "passwd",
        "client_secret",
        "api_key",
        "apikey",
    ],
)
def test_tokens_in_the_query_of_a_url_are_hidden(parameter: str) -> None:
    redactor = Redactor({})
    text = f"GET 'https://h/x?a=1&{parameter}=k%2Fj+l&b=2' ?{parameter}=m"
    clean = f"GET 'https://h/x?a=1&{parameter}=[redacted]&b=2' ?{parameter}=[redacted]"
    assert redactor.text(text) == clean
    assert redactor.has_work(text.encode())
    assert not redactor.has_work(clean.encode())


def test_a_separator_that_json_escapes_is_one_still() -> None:
    assert Redactor({}).text(r'"/x?a=1\u0026sig=abc\n"') == r'"/x?a=1\u0026sig=[redacted]\n"'


@pytest.mark.parametrize("parameter", ["a", "sigma", "page_token_count", "design", "key"])
def test_other_parameters_of_a_url_stay(parameter: str) -> None:
    assert Redactor({}).text(f"https://h/x?{parameter}=1") == f"https://h/x?{parameter}=1"


def test_a_token_of_which_a_part_is_declared_is_hidden_whole() -> None:
    assert Redactor({"A": "hunter22"}).text("?sig=hunter22more&b") == "?sig=[redacted]&b"


@pytest.mark.parametrize(
    "text",
    ["hunter22", "https://u:hunter22@h/?token=hunter22", "?sig=xhunter22", "a@b?sig=1;hunter22"],
)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    redactor = Redactor({"A": "hunter22"})
    once = redactor.text(text)
    assert redactor.text(once) == once
    assert not redactor.has_work(once.encode())


class Pair(NamedTuple):
    left: str
    right: int


def test_a_value_is_walked_to_its_ends() -> None:
    redactor = Redactor({"A": "hunter22"})
    value: dict[str, Any] = {
        "list": ["hunter22", 1, None, True, 2.5],
        "tuple": ("x", {"deep": "-hunter22-"}),
        "pair": Pair("hunter22", 3),
        "hunter22": "key",
    }
    assert redactor.value(value) == {
        "list": ["[redacted:A]", 1, None, True, 2.5],
        "tuple": ("x", {"deep": "-[redacted:A]-"}),
        "pair": Pair("[redacted:A]", 3),
        "[redacted:A]": "key",
    }


def test_keys_that_become_equal_are_kept_apart() -> None:
    redactor = Redactor({"A": "hunter22", "B": "x hunter22 y"})
    value = {"?sig=1": "one", "?sig=2": "two"}
    assert redactor.value(value) == {"?sig=[redacted]": "one", "?sig=[redacted]~2": "two"}


def test_a_number_that_is_a_secret_is_hidden_and_a_size_is_not() -> None:
    redactor = Redactor({"CARD": "4929123412341234", "PIN": "4711"})
    assert redactor.value([4929123412341234, 4711]) == ["[redacted:CARD]", 4711]


def test_a_digest_that_holds_a_secret_by_chance_stays() -> None:
    digest = "sha256:" + "4711" * 16
    redactor = Redactor({"PIN": "4711"})
    assert redactor.value([digest, "4711"]) == [digest, "[redacted:PIN]"]


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        json.dumps(SECRET),
        f"x{SECRET}y\n",
        r"https:\/\/u:p@h",
        json.dumps(r"https:\/\/u:p@h"),
        "https://u\x01:pé@h",
        r"/x\u0026sig=1",
        "?sig=\x011",
        KEY,
        KEY.replace("\n", "\r\n"),
        json.dumps(json.dumps("hkiG9w0BAQEFAASC")),
    ],
)
def test_the_quick_test_misses_nothing_that_json_encodes(value: str) -> None:
    redactor = Redactor({"PW": SECRET, "KEY": KEY})
    assert redactor.value({"v": value}) != {"v": value}
    assert redactor.has_work(msgspec.json.encode({"v": value}))
    assert redactor.has_work(json.dumps({"v": value}).encode())


def test_the_quick_test_lets_ordinary_records_pass() -> None:
    raw = msgspec.json.encode({"path": "a/b.txt", "url": "https://h/x?a=1", "mail": "me@host"})
    assert not Redactor({"PW": SECRET}).has_work(raw)


def test_a_tail_begins_at_a_line() -> None:
    redactor = Redactor({})
    assert redactor.tail("one\ntwo\nthree\n", 10) == "two\nthree\n"
    assert redactor.tail("one\ntwo\nthree\n", 9) == "three\n"
    assert redactor.tail("one\ntwo\n", 100) == "one\ntwo\n"
    assert redactor.tail("one\ntwo\n", 0) == ""


def test_a_tail_of_one_long_line_is_its_end() -> None:
    assert Redactor({}).tail("0123456789", 4) == "6789"
    assert Redactor({}).tail("0123456789\n", 4) == "789\n"


@pytest.mark.parametrize("limit", range(1, 60))
def test_no_part_of_a_secret_survives_at_the_cut(limit: int) -> None:
    redactor = Redactor({"a": "QWERTYUIOP", "key": "ZXCVBNMLKJ\nHGFDSAPOIU"})
    text = "a b c\nd QWERTYUIOP e QWERTYUIOP\nZXCVBNMLKJ\nHGFDSAPOIU f\n"
    tail = redactor.tail(text, limit)
    assert len(tail) <= limit
    assert tail == tail.lower()


def test_a_megabyte_is_redacted_in_a_moment() -> None:
    redactor = Redactor({f"S{n}": f"{n}-hunter22/+{n}" for n in range(5)})
    text = "an ordinary line of output, https://host/x?a=1&b=2 me@host\n" * 20_000
    start = time.perf_counter()
    assert redactor.text(text) == text
    assert time.perf_counter() - start < 2
