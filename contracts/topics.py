"""Every topic, declared once. Partition counts are fixed for ever: a key's order lives in its partition."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from contracts.accounts import (
    AccountDisabled,
    AccountEnabled,
    AccountRegistered,
    ApiKeyIssued,
    ApiKeyRevoked,
    PasswordChanged,
    RoleGranted,
    WebhookSecretRotated,
)
from contracts.algorithms import VersionPromoted
from contracts.analyses import AnalysisCompleted, AnalysisFailed, AnalysisStarted
from contracts.dead_letters import Discarded, RecordBuried, RetryRequested
from contracts.deliveries import CallbackDelivered, CallbackGivenUp
from contracts.follows import AccountFollowed, AccountUnfollowed
from contracts.images import (
    AnalysisRequested,
    FetchFailed,
    FetchRequested,
    ImageDeleted,
    ImageRestored,
    ImageUpdated,
    ImageUploaded,
)
from contracts.posts import PostDeleted, PostEdited, PostLiked, PostPublished, PostUnliked
from contracts.reanalysis import ReanalysisRequested

MIB = 1024 * 1024
KEPT_FOR_EVER = MappingProxyType(
    {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(8 * MIB),
    }
)
# A dead letter holds a record of any other topic as base64, a third longer.
ROOM_FOR_ANY_RECORD = MappingProxyType({**KEPT_FOR_EVER, "max.message.bytes": str(16 * MIB)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """`key` says which id keys the records; `events` maps a CloudEvents type to its current class."""

    name: str
    key: str
    partitions: int
    events: Mapping[str, type]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    configs: Mapping[str, str] = field(default_factory=lambda: KEPT_FOR_EVER)


ACCOUNTS = Topic(
    name="framelog.accounts",
    key="account",
    partitions=1,
    producers=("ingest",),
    consumers=("projector",),
    events={
        "framelog.account.registered.v1": AccountRegistered,
        "framelog.account.password-changed.v1": PasswordChanged,
        "framelog.account.disabled.v1": AccountDisabled,
        "framelog.account.enabled.v1": AccountEnabled,
        "framelog.account.role-granted.v1": RoleGranted,
        "framelog.account.api-key-issued.v1": ApiKeyIssued,
        "framelog.account.api-key-revoked.v1": ApiKeyRevoked,
        "framelog.account.webhook-secret-rotated.v1": WebhookSecretRotated,
    },
)
IMAGES = Topic(
    name="framelog.images",
    key="image_id",
    partitions=12,
    producers=("ingest", "fetcher"),
    consumers=("analyzer", "fetcher", "projector"),
    events={
        "framelog.image.uploaded.v1": ImageUploaded,
        "framelog.image.updated.v1": ImageUpdated,
        "framelog.image.deleted.v1": ImageDeleted,
        "framelog.image.restored.v1": ImageRestored,
        "framelog.analysis.requested.v1": AnalysisRequested,
        "framelog.fetch.requested.v1": FetchRequested,
        "framelog.fetch.failed.v1": FetchFailed,
    },
)
ANALYSES = Topic(
    name="framelog.analyses",
    key="image_id",
    partitions=12,
    producers=("analyzer",),
    consumers=("projector",),
    events={
        "framelog.analysis.started.v1": AnalysisStarted,
        "framelog.analysis.completed.v1": AnalysisCompleted,
        "framelog.analysis.failed.v1": AnalysisFailed,
    },
)
# The low lane: what campaigns ask for is analysed when nothing else is.
REANALYSIS = Topic(
    name="framelog.reanalysis",
    key="image_id",
    partitions=12,
    producers=("ingest",),
    consumers=("analyzer", "projector"),
    events={"framelog.reanalysis.requested.v1": ReanalysisRequested},
)
ALGORITHMS = Topic(
    name="framelog.algorithms",
    key="algorithm",
    partitions=1,
    producers=("ingest",),
    consumers=("projector",),
    events={"framelog.algorithm.version-promoted.v1": VersionPromoted},
)
POSTS = Topic(
    name="framelog.posts",
    key="post_id",
    partitions=12,
    producers=("ingest",),
    consumers=("projector",),
    events={
        "framelog.post.published.v1": PostPublished,
        "framelog.post.edited.v1": PostEdited,
        "framelog.post.deleted.v1": PostDeleted,
        "framelog.post.liked.v1": PostLiked,
        "framelog.post.unliked.v1": PostUnliked,
    },
)
FOLLOWS = Topic(
    name="framelog.follows",
    key="follower",
    partitions=12,
    producers=("ingest",),
    consumers=("projector",),
    events={
        "framelog.account.followed.v1": AccountFollowed,
        "framelog.account.unfollowed.v1": AccountUnfollowed,
    },
)
DELIVERIES = Topic(
    name="framelog.deliveries",
    key="job",
    partitions=12,
    producers=("notifier",),
    consumers=("projector",),
    events={
        "framelog.callback.delivered.v1": CallbackDelivered,
        "framelog.callback.given-up.v1": CallbackGivenUp,
    },
)
DEAD_LETTERS = Topic(
    name="framelog.dead-letters",
    key="raw",
    partitions=12,
    producers=("analyzer", "fetcher", "ingest", "projector"),
    consumers=("analyzer", "fetcher", "projector"),
    events={
        "framelog.record.buried.v1": RecordBuried,
        "framelog.record.retry-requested.v1": RetryRequested,
        "framelog.record.discarded.v1": Discarded,
    },
    configs=ROOM_FOR_ANY_RECORD,
)
TOPICS = (ACCOUNTS, IMAGES, ANALYSES, REANALYSIS, ALGORITHMS, POSTS, FOLLOWS, DELIVERIES, DEAD_LETTERS)
