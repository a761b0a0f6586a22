"""Every metric of the house, read from top to bottom; docs/metrics.md says what to make of each.

Labels are bounded: their values are names out of the code and its settings, never what a client made up. Sizes are in
bytes, times in seconds. OpenTelemetry's names for messaging are not stable yet, so these are our own.

What is true of the house and not of one process (`registry=None`) is told by whoever has looked, from then on: a 0 of
all the others would be taken for good news. What is counted starts at 0 for every label whose values are known: what
appears with 1 has not risen, for Prometheus.
"""

from datetime import UTC, datetime

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""From a moment to minutes."""

# Of every process that answers HTTP. `route` is a route's template, `unknown` where none fits.
REQUESTS = Counter("http_requests_total", "requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds", "from headers to the answer's end", ["method", "route"], buckets=QUICK
)
REQUEST_BYTES = Histogram(
    "http_request_size_bytes", "bytes of the request's body", ["method", "route"], buckets=[4**n for n in range(5, 15)]
)

# Of the API.
UPLOAD_BYTES_RESERVED = Gauge("framelog_upload_bytes_reserved", "bytes of memory that uploads under way may use")
UPLOADS_WAITING = Gauge("framelog_uploads_waiting", "uploads that wait for memory, their sockets unread")
CORRUPT_OBJECTS = Counter("framelog_corrupt_objects_total", "objects that were gone or not the bytes their name says")
DISK_FREE_BYTES = Gauge("framelog_disk_free_bytes", "free bytes where FRAMELOG_HOME lies", registry=None)
LAG_RECORDS = Gauge("framelog_read_model_lag_records", "records that the served read model has not taken in", ["topic"])
LAG_SECONDS = Gauge(
    "framelog_read_model_lag_seconds", "how long the served read model has not been at the log's end", registry=None
)
DEAD_LETTERS_OPEN = Gauge("framelog_dead_letters_open", "dead letters that nobody has settled", ["consumer"])
ORPHANS = Gauge("framelog_orphans", "objects that nothing named when somebody last looked", registry=None)
ORPHANS_AGE_SECONDS = Gauge("framelog_orphans_age_seconds", "how long ago that was", registry=None)

# Of every consumer of the log, by the name that its dead letters have: `analyzer-core`, `fetcher`, `projector`.
MESSAGES = Counter("framelog_messages_total", "messages finished by a consumer", ["consumer", "topic", "outcome"])
MESSAGE_SECONDS = Histogram(
    "framelog_message_seconds", "from taken in hand to finished", ["consumer", "topic"], buckets=QUICK
)
IN_FLIGHT = Gauge("framelog_messages_in_flight", "messages a consumer has in hand", ["consumer"])
BACKING_OFF = Gauge("framelog_messages_backing_off", "messages that wait for a dependency", ["consumer"])
COMMIT_AGE_SECONDS = Gauge(
    "framelog_commit_age_seconds", "how long the oldest message in hand has held up its commit", ["consumer"]
)
UNREADABLE = ("null-body", "missing-header", "malformed", "unknown-type", "newer-version", "wrong-key")
DEAD_LETTERS = Counter("framelog_dead_letters_total", "records a consumer buried", ["consumer", "reason"])

# Of the projector.
PROJECTED = Counter("framelog_projected_events_total", "events in the read model, by what the fold said", ["verdict"])
for _verdict in ("accepted", "rejected"):
    PROJECTED.labels(_verdict)
VISIBLE_SECONDS = Histogram(
    "framelog_upload_visible_seconds", "from an upload's place in the log to its row", buckets=QUICK
)

# Of analyzers.
ANALYSED_SECONDS = Histogram(
    "framelog_upload_analysed_seconds",
    "from an upload's place in the log to what a group found",
    ["group"],
    buckets=QUICK,
)
DECODERS_ENDED = Counter("framelog_decoders_ended_total", "decoders that ended with a picture in hand", ["reason"])
for _reason in ("overtime", "died"):
    DECODERS_ENDED.labels(_reason)

# Of the notifier.
CALLBACKS_WAITING = Gauge("framelog_callbacks_waiting", "callbacks that have not ended", registry=None)
CALLBACK_AGE_SECONDS = Gauge("framelog_callback_age_seconds", "how long ago the oldest of them was owed", registry=None)

_told: set[Gauge] = set()


def tell(gauge: Gauge) -> Gauge:
    """The same, which this process tells from now on."""
    if gauge not in _told:
        _told.add(gauge)
        REGISTRY.register(gauge)
    return gauge


def age(at: datetime) -> float:
    """Seconds since then, by this machine's clock; never less than none."""
    return max(0.0, (datetime.now(UTC) - at).total_seconds())
