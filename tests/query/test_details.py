"""What events say of themselves, of every golden example."""

import orjson
import pytest

from contracts.codec import decode
from contracts.resources.details import details
from tests.contracts.test_examples import EXAMPLES, record_of


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_event_tells_what_is_sealed_or_an_address(name: str) -> None:
    recorded = decode(record_of(EXAMPLES[name]))
    told = orjson.dumps(details(recorded.cause.event_id, recorded.event)).decode()
    assert "sealed" not in told
    assert "http" not in told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("framelog.image.updated.v1.reverted", {"reverts_to"}),
        ("framelog.image.updated.v1.content", set()),
        ("framelog.analysis.requested.v1.plain", {"job", "algorithms"}),
        ("framelog.analysis.started.v1.plain", {"cause", "group", "algorithms"}),
        ("framelog.analysis.completed.v1.partial", {"cause", "group", "algorithms", "failures"}),
        ("framelog.analysis.failed.v1.plain", {"cause", "group", "algorithms", "failures"}),
        ("framelog.fetch.failed.v1.plain", {"job", "failures"}),
        ("framelog.post.edited.v1.of-image", {"post"}),
        ("framelog.post.liked.v1.plain", {"post"}),
        ("framelog.account.followed.v1.plain", {"account"}),
        ("framelog.account.api-key-issued.v1.plain", {"key"}),
        ("framelog.callback.delivered.v1.plain", {"job", "attempts", "last_status"}),
        ("framelog.account.registered.v1.plain", set()),
    ],
)
def test_an_event_says_what_it_is_about(name: str, told: set[str]) -> None:
    recorded = decode(record_of(EXAMPLES[name]))
    assert set(details(recorded.cause.event_id, recorded.event)) == told
