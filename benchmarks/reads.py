"""The load of reading: a process of its own that asks for addresses over a few connections, one thread for each.

`python -m benchmarks.reads` reads a `Plan` from stdin and writes the seconds to stdout. Every answer must be 200.
"""

import asyncio
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import msgspec
from msgspec import Struct

from benchmarks.load import TIMEOUT, answer


class Plan(Struct, frozen=True, kw_only=True):
    port: int
    targets: list[str]
    clients: int
    authorization: str


async def send(plan: Plan) -> float:
    """Seconds from the first question to the last answer, carried out by a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.reads"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate(msgspec.json.encode(plan))
    assert process.returncode == 0, "the load broke off"
    return float(said)


def carry_out(plan: Plan) -> float:
    signed = f"Authorization: {plan.authorization}\r\n" if plan.authorization else ""
    targets = iter(plan.targets)  # shared: taking the next is atomic
    together = Barrier(plan.clients + 1)

    def one_client() -> None:
        with socket.create_connection(("127.0.0.1", plan.port), TIMEOUT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            together.wait(TIMEOUT)
            for target in targets:
                connection.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n{signed}\r\n".encode())
                status, body = answer(connection)
                assert status == 200, body[:500]

    with ThreadPoolExecutor(plan.clients) as threads:
        clients = [threads.submit(one_client) for _ in range(plan.clients)]
        together.wait(TIMEOUT)
        start = time.perf_counter()
        for client in clients:
            client.result()
        return time.perf_counter() - start


if __name__ == "__main__":
    print(carry_out(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)))
