"""Ingest's and query's routes at one address: the process that people and programs talk to."""

import asyncio
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from aiokafka.errors import KafkaError
from fastapi import FastAPI
from psycopg import OperationalError
from psycopg.conninfo import make_conninfo

from adapters import tracing
from adapters.accounts import Accounts
from adapters.algorithms import Algorithms
from adapters.dead_letters import DeadLetters
from adapters.edge import uuid7
from adapters.ends import Ends
from adapters.fresh import Fresh
from adapters.http import application
from adapters.http_server import server
from adapters.jobs import Jobs
from adapters.kafka import shown
from adapters.keys import FILE as KEYS
from adapters.keys import Keys, NoKeys
from adapters.log import Log, Names, OutcomeUnknown
from adapters.metrics import DISK_FREE_BYTES, REQUESTS, tell
from adapters.objects import Objects
from adapters.outbound import Outbound, excepted
from adapters.posts import Posts
from adapters.principal import Principals
from adapters.promotions import Promotions
from adapters.read_model import ReadModel
from adapters.telemetry import log_as_json
from adapters.unlogged import Unlogged
from contracts.events import TryLater
from migrations import Unfit, pending
from services.ingest import routes_accounts as routes_registering
from services.ingest import (
    routes_algorithms,
    routes_api_keys,
    routes_auth,
    routes_campaigns,
    routes_images,
    routes_social,
    routes_uploads,
)
from services.ingest import routes_dead_letters as routes_burying
from services.ingest import routes_jobs as routes_asking
from services.ingest import routes_posts as routes_posting
from services.ingest.bootstrap import CREDENTIALS, first_start
from services.ingest.budget import Budget
from services.ingest.callbacks import Callbacks
from services.ingest.campaigns import Campaigns
from services.ingest.first_versions import promote_first
from services.ingest.media import Limits
from services.ingest.offers import Offers
from services.ingest.passwords import Passwords
from services.ingest.proposals import Proposals
from services.ingest.receive import Receiver
from services.ingest.registrar import Registrar
from services.ingest.routes_algorithms import Promoting
from services.ingest.routes_campaigns import Campaigning
from services.ingest.routes_dead_letters import Undertaker
from services.ingest.routes_images import Ingest
from services.ingest.routes_jobs import Employer
from services.ingest.routes_uploads import Desk
from services.ingest.sessions import Sessions
from services.ingest.sharing import Sharing
from services.ingest.throttle import Throttle
from services.ingest.write import Writer
from services.query import (
    routes_accounts,
    routes_admin,
    routes_dead_letters,
    routes_events,
    routes_house,
    routes_jobs,
    routes_posts,
)
from services.query import routes_images as routes_reading
from services.query.bell import Bell
from services.query.feed import Feed
from services.query.lagging import Lagging
from services.query.parts import Reading
from services.query.ready import Readiness
from services.query.routes_admin import Overseeing
from services.query.streams import Streams
from services.query.verified import VerifiedBytes
from services.query.watch import Watch
from services.settings import MIB, Api

VERSION = "0.1.0"
MOST_HELD_BACK = 128 * MIB


def app(settings: Api, keys: Keys) -> FastAPI:
    """The whole API. Nothing is opened before its lifespan starts."""

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            names = Names(settings.topic_prefix)
            tell(DISK_FREE_BYTES).set_function(lambda: shutil.disk_usage(settings.home).free)
            for status in (500, 503):  # the first refused upload is to be seen as one more
                REQUESTS.labels("POST", "/v1/images", status)
            objects = await opened.enter_async_context(objects_of(settings))
            log = await opened.enter_async_context(Log(settings.kafka, names))
            ends = await opened.enter_async_context(Ends(settings.kafka, names))
            grouped = {name for names in settings.algorithm_groups.values() for name in names}
            read_model = await opened.enter_async_context(ReadModel(settings.postgres, grouped=grouped))
            outbound = Outbound(excepted(settings.allow_private_urls))
            unlogged = await opened.enter_async_context(Unlogged(settings.postgres))
            sessions = Sessions(unlogged, keys, now)
            fresh = Fresh(read_model, ends)
            accounts, proposals = Accounts(read_model, fresh), Proposals(log, read_model, now)
            algorithms = Algorithms(grouped, settings.for_algorithms())
            writer = Writer(proposals, read_model, fresh)
            api.state.principals = Principals(keys, accounts)
            receiving = receiver(settings, objects)
            callbacks = Callbacks(outbound, keys)
            api.state.ingest = Ingest(receiving, writer, callbacks, settings.algorithms, algorithms.without_params)
            reachable = objects_of(settings.model_copy(update={"s3": settings.s3_public or settings.s3}))
            api.state.desk = Desk(Offers(unlogged), objects, reachable, receiving, writer, settings.algorithms, now)
            posts = Posts(read_model, fresh)
            api.state.sharing = Sharing(posts, accounts, writer, proposals)
            jobs, promotions = Jobs(read_model, fresh), Promotions(read_model, fresh)
            api.state.campaigning = Campaigning(
                Campaigns(proposals, read_model, fresh), algorithms, settings.algorithms
            )
            api.state.promoting = Promoting(proposals, algorithms, promotions)
            api.state.employer = Employer(
                writer, proposals, read_model, algorithms, jobs, outbound, callbacks, settings.algorithms
            )
            api.state.registrar = Registrar(accounts, proposals, sessions, Passwords(), keys, Throttle(time.time))
            lagging = Lagging(read_model, ends, settings.kafka, names)
            api.state.overseeing = Overseeing(lagging, now)
            dead_letters = DeadLetters(read_model, fresh)
            api.state.undertaker = Undertaker(dead_letters, proposals)
            api.state.query = Reading(
                read_model=read_model,
                fresh=fresh,
                stored=VerifiedBytes(objects, MOST_HELD_BACK),
                algorithms=algorithms,
                readiness=Readiness(read_model, ends, objects),
                accounts=accounts,
                posts=posts,
                jobs=jobs,
                keys=keys,
                now=now,
                streams=Streams(Feed(read_model, fresh), Bell(read_model), settings.event_streams),
                dead_letters=dead_letters,
                promotions=promotions,
            )
            for beside in (
                promote_first(algorithms, promotions, log, now),
                Watch(read_model, ends, time.monotonic).run(),
            ):
                opened.callback(asyncio.create_task(beside).cancel)
            yield

    routers = [  # each request is matched with one route after the other: what is asked most comes first
        *(routes_reading.ROUTES, routes_jobs.ROUTES, routes_posts.ROUTES, routes_images.ROUTES),
        *(routes_registering.ROUTES, routes_auth.ROUTES, routes_api_keys.ROUTES, routes_accounts.ROUTES),
        *(routes_uploads.ROUTES, routes_house.ROUTES),
        *(routes_admin.ROUTES, routes_burying.ROUTES, routes_dead_letters.ROUTES),
        *(routes_asking.ROUTES, routes_algorithms.ROUTES, routes_campaigns.ROUTES),
        *(routes_posting.ROUTES, routes_social.ROUTES, routes_events.ROUTES),
    ]
    return application("Framelog", VERSION, lifespan, routers)


def objects_of(settings: Api) -> Objects:
    return Objects(settings.s3, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket, settings.s3_region)


def receiver(settings: Api, objects: Objects) -> Receiver:
    limits = Limits(
        bytes=settings.max_upload_bytes,
        pixels=settings.max_pixels,
        frames=settings.max_frames,
        animation_pixels=settings.max_animation_pixels,
    )
    return Receiver(objects, Budget(settings.upload_budget_bytes), limits, lambda: f"uploads/{uuid7()}")


async def refuse_newer(postgres: str) -> None:
    """Raises Unfit where newer code has migrated the database. While that is away, uploads are taken all the same."""
    with suppress(OperationalError):
        await pending(make_conninfo(postgres, connect_timeout=2))


def now() -> datetime:
    return datetime.now(UTC)


def _whereabouts(settings: Api) -> tuple[Path, Path, str]:
    """The keys' file, the credentials' file, and the address that they are good at."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    keys = settings.keys or settings.home / KEYS
    return keys, settings.home / CREDENTIALS, f"http://{host}:{settings.port}"


def main() -> int:
    settings = Api.read_or_exit()
    log_as_json(settings.log_level)
    try:
        asyncio.run(refuse_newer(settings.postgres))
    except Unfit as unfit:
        print(unfit, file=sys.stderr)
        return 2
    try:
        keys = asyncio.run(first_start(settings.kafka, Names(settings.topic_prefix), *_whereabouts(settings), now()))
    except NoKeys as missing:
        print(f"{missing}; what is lost is in the backup that goes with the log", file=sys.stderr)
        return 2
    except (TryLater, KafkaError, OutcomeUnknown) as down:
        print(f"Kafka at {shown(settings.kafka)} does not answer: {down}", file=sys.stderr)
        return 3
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn drains when told to stop, and then raises the signal again
        signal.signal(number, lambda *_: sys.exit(0))
    api = app(settings, keys)
    listening = server(
        api, settings.host, settings.port, lambda: api.state.query.streams.end(), settings.trusted_proxies
    )
    tracing.export("api", settings.traces)
    listening.run()  # on uvloop, as the server is set up
    return 0 if listening.started else 3


if __name__ == "__main__":
    sys.exit(main())
