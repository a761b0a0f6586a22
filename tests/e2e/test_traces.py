"""One request is one trace, from HTTP by the log, the analyzer and the read model to the callback."""

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tests.collector import Collector, Span, collector
from tests.pictures import photograph
from tests.receivers import Receiver, receiver
from tests.running import House, answers

PARENT = "b7ad6b7169203331"
TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
ANALYZED = (
    "api POST /v1/jobs",
    "api send framelog.images",
    "analyzer-core process framelog.images",
    "analyzer-core send framelog.analyses",
)
CALLED = (*ANALYZED, "notifier POST callback")
TREE = {
    ANALYZED[:1],
    ANALYZED[:2],
    (*ANALYZED[:2], "projector project framelog.images"),
    ANALYZED[:3],
    ANALYZED,
    (*ANALYZED, "projector project framelog.analyses"),
    CALLED,
    (*CALLED, "notifier send framelog.deliveries"),
    (*CALLED, "notifier send framelog.deliveries", "projector project framelog.deliveries"),
}


@pytest.fixture
def spans() -> Iterator[Collector]:
    with collector() as one:
        yield one


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def logged(house: House, tmp_path: Path) -> House:
    return replace(house, logs=tmp_path)


async def test_a_request_is_one_trace_from_http_to_the_callback(
    logged: House, spans: Collector, hooks: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    told = {"traces": spans.url}
    async with AsyncExitStack() as line:
        await line.enter_async_context(logged.run("services.projector", **told))
        await line.enter_async_context(logged.run("services.analyzer", analyzer_children=1, **told))
        api = await line.enter_async_context(logged.api(allow_private_urls=hooks.address, **told))
        await answers(api, "/readyz", 200)
        await line.enter_async_context(logged.run("services.notifier", allow_private_urls=hooks.address, **told))
        image = (await api.post("/v1/images", files={"file": photograph(64, 48)})).json()["id"]
        asked = {"image_id": image, "algorithm": "hash", "callback_url": hooks.url("/done")}
        assert (await api.post("/v1/jobs", json=asked, headers=GIVEN)).status_code in (201, 202)
        (call,) = hooks.wait(1)
        assert call.headers["traceparent"].split("-")[1] == TRACE
        found = spans.wait(lambda every: tree(every, TRACE) >= TREE)
    assert tree(found, TRACE) == TREE
    assert not [one for one in found if one.failed and one.trace == TRACE]
    lines = {
        service: of_trace(tmp_path / f"services.{service}.log") for service in ("projector", "analyzer", "notifier")
    }
    assert {one["topic"] for one in lines["projector"]} == {
        "framelog.images",
        "framelog.analyses",
        "framelog.deliveries",
    }
    (analyzed,) = lines["analyzer"]
    assert (analyzed["event"], analyzed["image_id"], analyzed["type"]) == (
        "analyzed",
        image,
        "framelog.analysis.requested.v1",
    )
    assert UUID(analyzed["event_id"])
    assert {"partition", "offset", "ms"} <= analyzed.keys()
    assert [one["event"] for one in lines["notifier"]] == ["tried"]


async def test_without_a_collector_the_callers_own_trace_goes_through_all_the_same(
    logged: House, hooks: Receiver
) -> None:
    async with AsyncExitStack() as line:
        await line.enter_async_context(logged.run("services.projector"))
        await line.enter_async_context(logged.run("services.analyzer", analyzer_children=1))
        api = await line.enter_async_context(logged.api(allow_private_urls=hooks.address))
        await answers(api, "/readyz", 200)
        await line.enter_async_context(logged.run("services.notifier", allow_private_urls=hooks.address))
        to = {"callback_url": hooks.url("/done")}
        await api.post("/v1/images", files={"file": photograph(64, 48)}, data=to, headers=GIVEN)
        (call,) = hooks.wait(1)
    assert call.headers["traceparent"] == GIVEN["traceparent"]


def tree(spans: list[Span], trace: str) -> set[tuple[str, ...]]:
    """Every span by the names of those from the request down to it."""
    by_id = {one.id: one for one in spans if one.trace == trace}

    def path(one: Span) -> tuple[str, ...]:
        above = path(by_id[one.parent]) if one.parent in by_id else (() if one.parent == PARENT else ("lost",))
        return (*above, f"{one.service} {one.name}")

    return {path(one) for one in by_id.values()}


def of_trace(log: Path) -> list[dict[str, str]]:
    lines = (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))
    return [one for one in lines if one.get("trace") == TRACE]
