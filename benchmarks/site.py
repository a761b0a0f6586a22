"""Photographs at addresses on loopback: `/N.jpg` is the one that is numbered N."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from benchmarks.photographs import Photograph
from benchmarks.processes import free_port


@asynccontextmanager
async def site(photo: Photograph) -> AsyncIterator[str]:
    """`host:port`."""

    async def get(request: web.Request) -> web.Response:
        return web.Response(body=photo.numbered(int(request.match_info["number"])), content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/{number}.jpg", get)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await runner.cleanup()
