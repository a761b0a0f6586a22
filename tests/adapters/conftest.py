"""Event loops beside asyncio's own: uvloop's transports differ where connections close."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Loops:
    """Tests that ask for loops by name may have either; the others run on asyncio's."""
    loops: Loops = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    marker = item.get_closest_marker("asyncio")
    chosen = marker is not None and "loop_factories" in marker.kwargs
    return loops if chosen else {"asyncio": loops["asyncio"]}
