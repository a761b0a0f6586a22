"""Names are looked up by the machine, in threads that can hang without holding anything up."""

import asyncio
import socket
import subprocess
import sys
from ipaddress import ip_address
from threading import Event

import pytest

from adapters.outbound import names
from adapters.outbound.names import SystemNames


async def test_a_name_of_the_hosts_file_is_found() -> None:
    assert ip_address("127.0.0.1") in await SystemNames()("localhost")


@pytest.mark.parametrize("host", ["no-such-name.invalid", "a" * 64, "a..b"])
async def test_a_name_that_leads_nowhere_has_no_address(host: str) -> None:
    assert await SystemNames()(host) == []


async def test_as_many_hang_as_there_are_threads_whoever_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, asked = Event(), []

    def hanging(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        answered.wait(5)
        return []

    monkeypatch.setattr(names, "THREADS", 2)
    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    look_up = SystemNames()
    for _ in range(5):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(look_up("slow.test"), 0.05)
    assert len(asked) == 2
    answered.set()
    assert await asyncio.wait_for(look_up("fast.test"), 5) == []


def test_a_name_server_that_hangs_lets_the_process_end() -> None:
    script = """
import asyncio, socket, time
from adapters.outbound.names import SystemNames
socket.getaddrinfo = lambda *_, **__: time.sleep(60)
async def main():
    try:
        await asyncio.wait_for(SystemNames()("slow.test"), 0.1)
    except TimeoutError:
        print("given up")
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True)
    assert (ended.stdout, ended.stderr) == ("given up\n", "")
