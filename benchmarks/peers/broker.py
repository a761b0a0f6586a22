"""Redis, which Celery's tutorials stand on: the system's own, in memory, on a free loopback port."""

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

from deploy.local.child import Program
from deploy.local.packages import how_to_install
from deploy.local.refusal import CannotStart


def found() -> str:
    """Raises CannotStart, with the command that installs it."""
    path = shutil.which("redis-server")
    if path is None:
        raise CannotStart(f"redis-server is missing: {how_to_install('redis-server')}")
    return path


def program(port: int) -> Program:
    async def answers() -> bool:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"PING\r\n")
            answer = await reader.readline()
            writer.close()
            return answer == b"+PONG\r\n"
        return False

    command = [found(), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    return Program(name="redis", command=command, cwd=Path("/"), answers=answers)
