"""Faust, cut down to what fetches, balances and commits; mended where it would leave records out."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

import faust
import faust.streams
from faust.auth import SASLCredentials, SSLCredentials
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from adapters.kafka import connecting, shown


class _Consumer(driver.Consumer):
    """A fetch that outlives a rebalance comes back early; Faust throws it away, then seeks to what was committed.

    It does not seek where nothing was committed, or zero: those records it would never hand over.
    """

    logger = logging.getLogger("faust.consumer")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.begins: dict[TP, int] = {}

    async def seek_to_committed(self) -> Mapping[TP, int]:
        committed = await super().seek_to_committed()
        never = [tp for tp, offset in committed.items() if not offset]
        first = await self._thread.earliest_offsets(*never) if never else {}
        if first:
            await self._thread.seek_wait(first)
        begins = {TP(*tp): offset for tp, offset in {**committed, **first}.items()}
        self.begins.update(begins)
        return begins


def _credentials(bootstrap: str) -> SASLCredentials | SSLCredentials | None:
    told = connecting(bootstrap)
    tls = told.get("ssl_context")
    if "sasl_mechanism" not in told:
        return SSLCredentials(tls) if tls else None
    return SASLCredentials(
        username=told["sasl_plain_username"],
        password=told["sasl_plain_password"],
        ssl_context=tls,
        mechanism=told["sasl_mechanism"],
    )


class _Transport(driver.Transport):
    Consumer = _Consumer


class Fetching(faust.App):
    """Keeps nothing on disk, and tells `on_crash` that a part of it crashed, in whatever thread."""

    logger = logging.getLogger("faust.app")
    on_crash: Callable[[BaseException], None]

    @classmethod
    def of(cls, bootstrap: str, group: str, session: float) -> "Fetching":
        """A member of `group`, which is given up for dead after `session` seconds of silence."""
        if getattr(faust.streams, "_CStreamIterator", None) is None:
            raise RuntimeError("faust lacks its compiled parts; its Python loop acknowledges messages that it skips")
        return cls(
            group,
            broker=[f"kafka://{host.strip()}" for host in shown(bootstrap).split(",")],
            broker_credentials=_credentials(bootstrap),
            topic_disable_leader=True,
            topic_allow_declare=False,
            web_enabled=False,
            table_standby_replicas=0,  # else Faust's own assignor, which is for tables
            stream_buffer_maxsize=128,
            stream_wait_empty=False,  # else a rebalance waits for ever for a message that backs off
            broker_commit_every=100,
            broker_commit_interval=1.0,
            broker_session_timeout=session,
            broker_heartbeat_interval=session / 4,
            broker_rebalance_timeout=30.0,
            broker_max_poll_interval=1_000_000.0,  # a full window does not poll, and the watchdog judges better
            consumer_auto_offset_reset="earliest",
        )

    @property
    def fetched(self) -> Any:
        """The consumer. More of it is needed than its interface names."""
        return cast(Any, self.consumer)

    def begins(self, tp: TP) -> int:
        """Where reading of an assigned partition began: at what the group had committed, else at its first record."""
        return cast(_Consumer, self.consumer).begins.get(tp, 0)

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None: ...

    def _crash(self, reason: BaseException) -> None:
        super()._crash(reason)
        self.loop.call_soon_threadsafe(self.on_crash, reason)
