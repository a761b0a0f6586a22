"""What an event says besides what it changes: which job, which models in which version, which post."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args
from uuid import UUID

from contracts.accounts import ApiKeyIssued, ApiKeyRevoked, RoleGranted
from contracts.algorithms import VersionPromoted
from contracts.analyses import AnalysisCompleted, AnalysisFailed, AnalysisStarted
from contracts.codec import Event
from contracts.deliveries import DeliveryEvent
from contracts.events import Json
from contracts.follows import AnyFollowEvent
from contracts.images import AnalysisRequested, FetchFailed, FetchRequested, ImageUpdated, ImageUploaded, Wanted
from contracts.posts import PostEvent
from contracts.problems import BY_SLUG
from contracts.reanalysis import ReanalysisRequested

Fields = Mapping[str, Json]


def details(event_id: UUID, event: Event) -> Fields:
    """By the event's type, and empty for most. Nothing sealed, no address that a user has named."""
    told = _TOLD.get(type(event))
    return told(event_id, event) if told else {}


def _uploaded(_: UUID, event: ImageUploaded) -> Fields:
    return {"job": event.job} if event.job else {}


def _updated(_: UUID, event: ImageUpdated) -> Fields:
    return {"reverts_to": event.reverts_to} if event.reverts_to is not None else {}


def _job(event_id: UUID, event: AnalysisRequested | FetchRequested) -> Fields:
    return {"job": event.retry_of or event_id, "algorithms": _asked(event.wanted)}


def _campaign(_: UUID, event: ReanalysisRequested) -> Fields:
    return {"campaign": event.campaign, "algorithms": _asked(event.wanted)}


def _unfetched(_: UUID, event: FetchFailed) -> Fields:
    return {"job": event.job, "failures": [_failure(event.type, event.detail)]}


def _begun(_: UUID, event: AnalysisStarted) -> Fields:
    return {"cause": event.cause, "group": event.group, "algorithms": _asked(event.wanted)}


def _ended(_: UUID, event: AnalysisCompleted | AnalysisFailed) -> Fields:
    """Each algorithm with the version that has found something, and why the others have not."""
    results = event.results if isinstance(event, AnalysisCompleted) else ()
    versions: dict[str, str | None] = {one.algorithm: str(one.version) for one in results}
    algorithms = dict.fromkeys(one.algorithm for one in event.failures) | versions
    failures = [{"algorithm": one.algorithm, **_failure(one.type, one.detail)} for one in event.failures]
    return {"cause": event.cause, "group": event.group, "algorithms": algorithms, "failures": failures}


def _post(_: UUID, event: PostEvent) -> Fields:
    return {"post": event.post_id}


def _follow(_: UUID, event: AnyFollowEvent) -> Fields:
    return {"account": event.account}


def _callback(_: UUID, event: DeliveryEvent) -> Fields:
    return {"job": event.job, "attempts": event.attempts, "last_status": event.last_status}


def _asked(wanted: Iterable[Wanted]) -> dict[str, None]:
    """The algorithms, of which no version has spoken yet."""
    return dict.fromkeys(one.algorithm for one in wanted)


def _failure(slug: str, detail: str) -> dict[str, Json]:
    known = BY_SLUG.get(slug, BY_SLUG["algorithm-failed"])
    return {"type": known.uri, "title": known.title, "detail": detail}


_TOLD: Mapping[type, Callable[[UUID, Any], Fields]] = {
    ImageUploaded: _uploaded,
    ImageUpdated: _updated,
    AnalysisRequested: _job,
    FetchRequested: _job,
    FetchFailed: _unfetched,
    ReanalysisRequested: _campaign,
    AnalysisStarted: _begun,
    AnalysisCompleted: _ended,
    AnalysisFailed: _ended,
    **dict.fromkeys(get_args(PostEvent), _post),
    **dict.fromkeys(get_args(AnyFollowEvent), _follow),
    **dict.fromkeys(get_args(DeliveryEvent), _callback),
    VersionPromoted: lambda _, event: {"algorithm": event.algorithm, "version": str(event.version)},
    RoleGranted: lambda _, event: {"role": event.role},
    ApiKeyIssued: lambda _, event: {"key": event.key_id},
    ApiKeyRevoked: lambda _, event: {"key": event.key_id},
}
