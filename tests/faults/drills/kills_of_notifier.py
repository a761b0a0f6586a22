"""The notifier is killed between a receiver's answer and the log's word on it."""

from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urlsplit

from contracts.deliveries import CallbackDelivered
from tests.faults.drill import Act, drill
from tests.faults.evidence import Evidence
from tests.faults.invariants import Broken
from tests.faults.links import Where, produce_of

DELIVERED = produce_of("framelog.callback.delivered")
TIMES = 2
TAKEN_OVER = 45.0
"""Seconds: what a killed notifier had in hand is due again after its heartbeats have been missed."""


async def killed_at(act: Act, where: Where) -> None:
    stage, link = act.stage, act.stage.link("notifier", "kafka")
    act.checks += [lambda seen: called_back(act, seen), lambda _: repeated(act, where == "request")]
    async with act.load(clients=3, callback=stage.outside["callback"]):
        for _ in range(TIMES):
            nth = stage.chance.randint(1, 4)
            await link.spring(DELIVERED, where, nth, stage.killer("notifier"), within=TAKEN_OVER)


def called_back(act: Act, seen: Evidence) -> Iterator[Broken]:
    """Every acknowledged job has called, and the log says so once."""
    called = {call.path for call in act.stage.hooks.calls}
    told = [one.event.job for one in seen.events if isinstance(one.event, CallbackDelivered)]
    for call in seen.calls:
        if call.ask.kind == "job" and call.outcome == "ok" and call.status == 202 and call.ask.json:
            path = urlsplit(call.ask.json["callback_url"]).path
            if path not in called:
                yield Broken("I1", f"{call}: nobody was called at {path}", call)
    if not told:
        yield Broken("I1", "the log knows of no callback at all")


def repeated(act: Act, expected: bool) -> Iterator[Broken]:
    """Who is called twice about the same is told so by the `webhook-id`."""
    ids = defaultdict(list)
    for call in act.stage.hooks.calls:
        ids[call.path].append(call.id)
    for path, told in ids.items():
        if len(set(told)) > 1:
            yield Broken("I4", f"{path} was called as {told}")
    if expected and all(len(told) == 1 for told in ids.values()):
        yield Broken("drill", "nobody was called twice")


ALL = ("projector", "analyzer", "notifier", "api")


@drill(links=[("notifier", "kafka")], services=ALL)
async def notifier_killed_between_delivery_and_record(act: Act) -> None:
    """kill -9 of the notifier when the receiver has answered 2xx and the log does not know."""
    await killed_at(act, "request")


@drill(links=[("notifier", "kafka")], services=ALL)
async def notifier_killed_after_record(act: Act) -> None:
    """kill -9 of the notifier when the log knows of a delivery, and the notifier does not know that it does."""
    await killed_at(act, "answer")
