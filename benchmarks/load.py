"""The load: a process of its own that uploads numbered photographs over a few connections, one thread for each.

`python -m benchmarks.load` reads a `Plan` from stdin and writes `Sent` to stdout. Every contender is loaded by it. It
sends bytes that are made ready before the clock starts, straight from sockets, so that it takes little of the machine.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import msgspec
from msgspec import Struct

from benchmarks.photographs import STAMP, STAMP_AT, stamp

TIMEOUT = 60.0
BOUNDARY = "framelog-benchmark"
FORM_HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
    "Content-Type: image/jpeg\r\n\r\n"
).encode()
FORM_TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


class Plan(Struct, frozen=True, kw_only=True):
    """Uploads the photograph in the file `photo` once for each number from `first`, to that upload's own target."""

    port: int
    method: str
    targets: list[str]
    photo: str
    first: int
    clients: int
    form: bool
    authorization: str


class Answer(Struct, frozen=True, kw_only=True):
    number: int
    status: int
    body: str


class Sent(Struct, frozen=True, kw_only=True):
    """`seconds` from the first byte sent to the last answer read."""

    seconds: float
    answers: list[Answer]


async def send(plan: Plan) -> Sent:
    """Carried out by a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate(msgspec.json.encode(plan))
    assert process.returncode == 0, "the load broke off"
    return msgspec.json.decode(said, type=Sent)


def carry_out(plan: Plan) -> Sent:
    photo = Path(plan.photo).read_bytes()
    head, tail = (FORM_HEAD, FORM_TAIL) if plan.form else (b"", b"")
    before, rest = head + photo[:STAMP_AT], photo[STAMP_AT + STAMP :] + tail
    signed = f"Authorization: {plan.authorization}\r\n" if plan.authorization else ""
    media_type = f"multipart/form-data; boundary={BOUNDARY}" if plan.form else "image/jpeg"
    numbers = iter(enumerate(plan.targets, plan.first))  # shared: taking the next is atomic
    together = Barrier(plan.clients + 1)

    def one_client() -> list[Answer]:
        with socket.create_connection(("127.0.0.1", plan.port), TIMEOUT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            together.wait(TIMEOUT)
            return list(_uploads(connection))

    def _uploads(connection: socket.socket) -> Iterator[Answer]:
        for number, target in numbers:
            headers = (
                f"{plan.method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nContent-Type: {media_type}\r\n"
                f"Content-Length: {len(before) + STAMP + len(rest)}\r\n{signed}\r\n"
            )
            connection.sendall(headers.encode() + before + stamp(number))
            connection.sendall(rest)
            status, body = answer(connection)
            yield Answer(number=number, status=status, body=body)

    with ThreadPoolExecutor(plan.clients) as threads:
        clients = [threads.submit(one_client) for _ in range(plan.clients)]
        together.wait(TIMEOUT)
        start = time.perf_counter()
        answers = [answer for client in clients for answer in client.result()]
        return Sent(seconds=time.perf_counter() - start, answers=answers)


def answer(connection: socket.socket) -> tuple[int, str]:
    """Status and body of one answer, which must say how long it is."""
    received = bytearray()
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _some(connection)
    first, *fields = received[:end].decode().split("\r\n")
    length = next(int(field[15:]) for field in fields if field.lower().startswith("content-length:"))
    while len(received) < end + 4 + length:
        received += _some(connection)
    return int(first.split()[1]), received[end + 4 :].decode()


def _some(connection: socket.socket) -> bytes:
    found = connection.recv(65_536)
    if not found:
        raise ConnectionError("the server hung up")
    return found


if __name__ == "__main__":
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(carry_out(plan)))
