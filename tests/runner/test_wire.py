from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest

from snakemake_renku.model import FileRef, FileSpec, JobRecord, JobSpec, Step
from snakemake_renku.runner.wire import (
    Cancel,
    Close,
    Configure,
    Done,
    Exited,
    Finished,
    Fork,
    Forked,
    Hash,
    Hashed,
    News,
    Order,
    Output,
    Parse,
    Parsed,
    ServerNews,
    ServerOrder,
    Started,
    Submit,
    Told,
    Unframer,
    frame,
    receive_with_fds,
    send_all,
    send_with_fds,
)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


SPEC = JobSpec("1.1", "run", "1", 1, "direct", (Step("a", "shell", input=(FileSpec("ä"),)),))
RECORD = JobRecord("1.1", "direct", 1.0, 2.0, "h", 3, ())
REF = FileRef("a", "input", "missing")

ORDERS = [
    Configure("run", 1.0, "/w", 2, True, False, True, b"\x00\xff", None),
    Submit((SPEC, SPEC)),
    Cancel(),
    Cancel(("1.1",)),
    Hash(4, (FileSpec("a", "n", ("temp",)),), ()),
    Close(),
]
NEWS = [
    Started("1.1", 5, 1.5),
    Output("1.1", 2, b"\xff\x00\n"),
    Finished(RECORD),
    Told("words", None),
    Hashed(4, (REF,), (), "problem"),
    Done(1.5),
]
SERVER_ORDERS = [
    Parse(b"pickle"),
    Fork("1.1", "run", "run/1.1", (("a", {"x": "1"}),), 1, 2, "g", ("t",), "/sys/fs/procs"),
]
SERVER_NEWS = [Parsed(("Snakefile",)), Forked("1.1", 5, 6), Exited(5, 256, 0.1, 0.2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("messages", "union"),
    [(ORDERS, Order), (NEWS, News), (SERVER_ORDERS, ServerOrder), (SERVER_NEWS, ServerNews)],
)
def test_each_message_comes_out_as_it_went_in(
    messages: list[msgspec.Struct], union: object
) -> None:
    decoder = msgspec.msgpack.Decoder(union)
    for message in messages:
        (body,) = Unframer().feed(frame(message))
        assert decoder.decode(body) == message


def test_a_frame_is_a_length_of_four_bytes_and_a_body() -> None:
    data = frame(Close())
    assert data == len(data[4:]).to_bytes(4, "big") + msgspec.msgpack.encode({"type": "Close"})


def test_messages_are_cut_from_a_stream_that_comes_byte_by_byte() -> None:
    stream = b"".join(map(frame, ORDERS))
    unframer = Unframer()
    bodies = [body for byte in stream for body in unframer.feed(bytes([byte]))]
    assert bodies == [msgspec.msgpack.encode(order) for order in ORDERS]


def test_several_messages_in_one_piece_all_come_out_and_a_rest_is_kept() -> None:
    first, second = frame(ORDERS[0]), frame(ORDERS[1])
    unframer = Unframer()
    assert len(list(unframer.feed(first * 2 + second[:7]))) == 2
    assert list(unframer.feed(b"")) == []
    assert list(unframer.feed(second[7:])) == [second[4:]]


def test_an_empty_body_is_a_message() -> None:
    assert list(Unframer().feed(b"\0\0\0\0" * 2)) == [b"", b""]


def read_all(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += sock.recv(65536)
    return data


def test_a_socket_that_does_not_block_still_takes_all(pair: Pair) -> None:
    ours, theirs = pair
    ours.setblocking(False)
    data = os.urandom(3_000_000)
    sender = threading.Thread(target=send_all, args=(ours, data))
    sender.start()
    received = read_all(theirs, len(data))
    sender.join()
    assert received == data


def test_files_arrive_open_with_their_message(pair: Pair) -> None:
    ours, theirs = pair
    read, write = os.pipe()
    send_with_fds(ours, Close(), [write])
    os.close(write)
    data, (fd,) = receive_with_fds(theirs)
    assert data == frame(Close())
    os.write(fd, b"through")
    os.close(fd)
    assert os.read(read, 100) == b"through"
    assert os.read(read, 100) == b""
    os.close(read)


def test_the_files_of_messages_that_wait_together_stay_in_order(pair: Pair) -> None:
    ours, theirs = pair
    pipes = [os.pipe() for _ in range(6)]
    writes = [write for _, write in pipes]
    send_with_fds(ours, SERVER_ORDERS[1], writes[:3])
    send_with_fds(ours, SERVER_ORDERS[1], writes[3:])
    data, fds = b"", list[int]()
    while len(data) < 2 * len(frame(SERVER_ORDERS[1])):
        more, files = receive_with_fds(theirs)
        data, fds = data + more, fds + files
    assert data == frame(SERVER_ORDERS[1]) * 2
    assert [os.fstat(fd).st_ino for fd in fds] == [os.fstat(write).st_ino for write in writes]
    for fd in [*fds, *(end for pipe in pipes for end in pipe)]:
        os.close(fd)


def test_a_message_larger_than_the_socket_takes_brings_its_files_once(pair: Pair) -> None:
    ours, theirs = pair
    message = Parse(os.urandom(2_000_000))
    read, write = os.pipe()
    sender = threading.Thread(target=send_with_fds, args=(ours, message, [read, write]))
    sender.start()
    data, fds = b"", list[int]()
    while len(data) < len(frame(message)):
        more, files = receive_with_fds(theirs)
        data, fds = data + more, fds + files
    sender.join()
    assert data == frame(message)
    assert len(fds) == 2
    for fd in (read, write, *fds):
        os.close(fd)


def test_the_end_of_the_stream_is_empty(pair: Pair) -> None:
    ours, theirs = pair
    ours.close()
    assert receive_with_fds(theirs) == (b"", [])
