"""`framelog listen` hears what is signed, and says why it does not believe the rest."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from deploy.local.ports import choose
from tests.cli.running import Terminal

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SAID = {
    "type": "job.succeeded",
    "timestamp": "2026-03-01T12:00:00Z",
    "data": {"id": "a job", "algorithm": "hash", "status": "succeeded", "error": None},
}


@asynccontextmanager
async def listening(home: Path, *options: object) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The process, which listens, and where."""
    (port,) = choose([None])
    process = await Terminal(home, "http://127.0.0.1:1").start(
        "listen", "--secret", SECRET, "--port", port, "--json", *options
    )
    assert process.stderr
    assert b"are printed" in await process.stderr.readline()
    try:
        yield process, f"http://127.0.0.1:{port}/hook"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def signed(body: str, id_: str = "msg_1", secret: str = SECRET) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(secret).sign(id_, now, body)
    return {"webhook-id": id_, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


async def test_what_is_signed_is_printed_once_more_if_it_comes_again(tmp_path: Path) -> None:
    body = json.dumps(SAID)
    async with listening(tmp_path, "--count", 2) as (process, url), httpx.AsyncClient() as sender:
        for id_ in ("msg_1", "msg_1", "msg_2"):
            answer = await sender.post(url, content=body, headers=signed(body, id_))
            assert answer.status_code == 204
        out, _ = await process.communicate()
    said = [json.loads(line) for line in out.decode().splitlines()]
    assert [(one["webhook_id"], one["again"]) for one in said] == [("msg_1", False), ("msg_1", True), ("msg_2", False)]
    assert said[0]["data"] == SAID["data"]
    assert process.returncode == 0


@pytest.mark.parametrize(
    "headers",
    [
        signed(json.dumps(SAID), secret="whsec_" + "A" * 32),
        signed("another body"),
        {**signed(json.dumps(SAID)), "webhook-timestamp": "1"},
        {},
    ],
    ids=["another secret", "altered", "old", "unsigned"],
)
async def test_what_is_not_signed_well_is_answered_401(tmp_path: Path, headers: dict[str, str]) -> None:
    async with listening(tmp_path) as (process, url), httpx.AsyncClient() as sender:
        answer = await sender.post(url, content=json.dumps(SAID), headers=headers)
        assert answer.status_code == 401
        assert process.stdout
        assert json.loads(await process.stdout.readline())["verified"] is False


async def test_the_token_must_come_and_the_answer_may_be_chosen(tmp_path: Path) -> None:
    body = json.dumps(SAID)
    async with listening(tmp_path, "--token", "t", "--answer", 503) as (_, url), httpx.AsyncClient() as sender:
        assert (await sender.post(url, content=body, headers=signed(body))).status_code == 401
        headers = {**signed(body), "Authorization": "Bearer t"}
        assert (await sender.post(url, content=body, headers=headers)).status_code == 503


async def test_what_does_not_come_in_time_is_exit_code_1(tmp_path: Path) -> None:
    async with listening(tmp_path, "--count", 1, "--seconds", 0.2) as (process, _):
        _, err = await process.communicate()
    assert process.returncode == 1
    assert b"0 of 1 callbacks came" in err
