"""What FRAMELOG_KAFKA may say, and what is refused without showing a password."""

import pytest

from adapters.kafka import connecting, shown
from services.settings import Endpoints, WrongSettings

SECURED = "sasl_plaintext://frame%40log:p%2Fw%3A@b-1:9096,b-2:9096?mechanism=SCRAM-SHA-512"


def test_hosts_alone_are_spoken_to_in_plain_text() -> None:
    assert connecting("a:9092,[::1]:9093") == {
        "bootstrap_servers": "a:9092,[::1]:9093",
        "security_protocol": "PLAINTEXT",
    }


def test_a_name_and_a_password_are_decoded_and_not_shown() -> None:
    assert connecting(SECURED) == {
        "bootstrap_servers": "b-1:9096,b-2:9096",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "frame@log",
        "sasl_plain_password": "p/w:",
    }
    assert shown(SECURED) == "b-1:9096,b-2:9096"


def test_over_tls_the_broker_must_be_who_it_says() -> None:
    context = connecting("ssl://b-1:9094")["ssl_context"]
    assert (context.check_hostname, context.verify_mode.name) == (True, "CERT_REQUIRED")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kafka", "not host:port"),
        ("a:9092,,b:9092", "not host:port"),
        ("a:0", "not host:port"),
        ("sasl://u:hush@a:1", "sasl:// is none of plaintext, ssl"),
        ("sasl_ssl://a:9096", "wants a name:password@"),
        ("ssl://u:hush@a:9096", "knows no name:password@"),
        ("sasl_ssl://u:hush@a:9096?mechanism=GSSAPI", "mechanism is none of PLAIN"),
        ("sasl_ssl://u:hush@a:9096?cafile=x", "known after the [?] are mechanism, ca"),
    ],
)
def test_what_cannot_be_read_stops_the_start_with_its_reason(
    text: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMELOG_KAFKA", text)
    with pytest.raises(WrongSettings, match=f"FRAMELOG_KAFKA.*{why}") as wrong:
        Endpoints.read()
    assert "hush" not in str(wrong.value)
