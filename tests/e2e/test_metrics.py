"""What each process says of itself while pictures go through the line, and while the projector is dead."""

import asyncio
from contextlib import AsyncExitStack, suppress

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.ports import choose
from tests.pictures import photograph
from tests.running import House, answers

OF_THE_HOUSE = {"framelog_disk_free_bytes", "framelog_read_model_lag_seconds", "framelog_callbacks_waiting"}
AT_FIRST = (
    "framelog_dead_letters_total consumer=analyzer-core reason=malformed",
    "framelog_decoders_ended_total reason=died",
    "http_requests_total method=POST route=/v1/images status=503",
)
Samples = dict[str, float]
"""Values by name and labels."""


async def test_metrics_follow_a_picture_through_the_line_and_tell_of_a_dead_projector(house: House) -> None:
    projector, analyzer = (f"127.0.0.1:{port}" for port in choose([None, None]))
    async with AsyncExitStack() as line:
        api = await line.enter_async_context(house.api())
        await line.enter_async_context(house.run("services.analyzer", metrics=analyzer, analyzer_children=1))
        async with house.run("services.projector", metrics=projector):
            async with asyncio.timeout(60):  # what is there before a read model is, is built, and not seen to come
                await answers(api, "/readyz", 200)
            await upload(api, 1)
            await until(api, analyzer, "framelog_upload_analysed_seconds_count group=core", 1)
            await until(api, projector, "framelog_upload_visible_seconds_count", 1)
            await until(api, projector, "framelog_projected_events_total verdict=accepted", 3)
            await until(api, "", "framelog_read_model_lag_seconds", 0)
            said = await samples(api, analyzer)
            assert said["framelog_commit_age_seconds consumer=analyzer-core"] < 30
            assert (await samples(api, ""))["framelog_disk_free_bytes"] > 1_000_000
            assert not OF_THE_HOUSE & {*said, *await samples(api, projector)}
            await until(api, "", "framelog_dead_letters_open consumer=projector", 0)
            for name in AT_FIRST:
                assert {**said, **await samples(api, "")}[name] == 0, name
        await upload(api, 2)
        await until(api, "", "framelog_read_model_lag_records topic=framelog.images", 1)
        assert (await samples(api, ""))["framelog_read_model_lag_seconds"] > 0
        async with house.run("services.projector"):
            await until(api, "", "framelog_read_model_lag_records topic=framelog.images", 0)
            await until(api, "", "framelog_read_model_lag_seconds", 0)


async def upload(api: httpx.AsyncClient, seed: int) -> None:
    picture = {"file": ("a.jpg", photograph(64, 48, seed=seed), "image/jpeg")}
    assert (await api.post("/v1/images", files=picture)).status_code == 201


async def until(api: httpx.AsyncClient, at: str, name: str, least: float) -> None:
    """Until a metric has come to a value: at least to it, or, where that is 0, down to it."""
    async with asyncio.timeout(60):
        while True:
            with suppress(httpx.TransportError):  # it is only starting
                value = (await samples(api, at)).get(name)
                if value is not None and (value >= least if least else value == 0):
                    return
            await asyncio.sleep(0.2)


async def samples(api: httpx.AsyncClient, at: str) -> Samples:
    """What a process says at an address, the API itself at none. By `name label=value …`."""
    text = (await api.get(f"http://{at}/metrics" if at else "/metrics")).text
    return {
        " ".join([one.name, *(f"{label}={value}" for label, value in sorted(one.labels.items()))]): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }
