"""Loopback ports for a stack's servers."""

import secrets
import socket
from collections.abc import Iterable

# Below the range from which kernels number outgoing connections: a client that dials a stopped server's port from that
# very port would be connected to itself.
LOWEST, HIGHEST = 20_000, 31_999
TRIES = 200


def free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return False
    return True


def choose(remembered: Iterable[int | None]) -> list[int]:
    """One free port each: the remembered one where it is still free, so that addresses outlive a restart."""
    chosen: list[int] = []
    for port in remembered:
        chosen.append(port if port and port not in chosen and free("127.0.0.1", port) else _new(chosen))
    return chosen


def _new(taken: list[int]) -> int:
    for _ in range(TRIES):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST + 1)
        if port not in taken and free("127.0.0.1", port):
            return port
    raise OSError(f"no free loopback port between {LOWEST} and {HIGHEST}")
