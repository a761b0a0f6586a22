"""How Kafka is spoken to: what FRAMELOG_KAFKA says, as every client of it wants to be told.

`host:port,host:port`, or `sasl_ssl://name:password@host:port,host:port?mechanism=SCRAM-SHA-512`. Schemes are those that
Kafka calls security protocols; `ca`, `cert` and `key` name files in PEM. Name and password are percent-encoded.
"""

import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
FILES = ("ca", "cert", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """`hosts` are `host:port`, comma separated: all of it that may be shown to anybody."""

    hosts: str
    protocol: str = "plaintext"
    name: str = ""
    password: str = ""
    mechanism: str = "PLAIN"
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


def parsed(text: str) -> Kafka:
    """Raises ValueError, which holds no password."""
    if "://" not in text:
        return Kafka(hosts=_hosts(text))
    protocol, _, rest = text.partition("://")
    url = urlsplit(f"//{rest}")  # an underscore is nothing that it knows in a scheme
    more = dict(parse_qsl(url.query))
    user, _, hosts = url.netloc.rpartition("@")
    name, _, password = user.partition(":")
    mechanism = more.pop("mechanism", MECHANISMS[0])
    if protocol not in PROTOCOLS:
        raise ValueError(f"{protocol}:// is none of {', '.join(PROTOCOLS)}")
    if bool(user) != protocol.startswith("sasl_"):
        raise ValueError(f"{protocol}:// {'knows no' if user else 'wants a'} name:password@ before the hosts")
    if mechanism not in MECHANISMS:
        raise ValueError(f"mechanism is none of {', '.join(MECHANISMS)}")
    if not more.keys() <= set(FILES):
        raise ValueError(f"known after the ? are mechanism, {', '.join(FILES)}")
    return Kafka(
        hosts=_hosts(hosts),
        protocol=protocol,
        name=unquote(name),
        password=unquote(password),
        mechanism=mechanism,
        **more,
    )


def shown(text: str) -> str:
    return parsed(text).hosts


def connecting(text: str) -> dict[str, Any]:
    """What a client of aiokafka is told."""
    kafka = parsed(text)
    told: dict[str, Any] = {"bootstrap_servers": kafka.hosts, "security_protocol": kafka.protocol.upper()}
    if kafka.protocol.endswith("ssl"):
        told["ssl_context"] = _tls(kafka)
    if kafka.name:
        told |= {
            "sasl_mechanism": kafka.mechanism,
            "sasl_plain_username": kafka.name,
            "sasl_plain_password": kafka.password,
        }
    return told


def _tls(kafka: Kafka) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=kafka.ca)
    if kafka.cert:
        context.load_cert_chain(kafka.cert, kafka.key)
    return context


def _hosts(text: str) -> str:
    for host in text.split(","):
        name, _, port = host.strip().rpartition(":")
        if not (name and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("not host:port, or several of them, comma separated")
    return text
