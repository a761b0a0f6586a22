"""The address that a user names, taken apart once and judged as far as that goes without DNS. Pure."""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urlsplit

import idna

from adapters.outbound.addresses import Address, refusal
from adapters.outbound.failures import NotAllowed

MOST_CHARACTERS = 2_000
PORTS = {80, 443}
MOST_PORT = 65_535
DEFAULT_PORTS = {"http": 80, "https": 443}

HostPort = tuple[str, int]

_AUTHORITY = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<name>[^\[\]:]*))(?::(?P<port>[0-9]{0,5}))?")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_KEPT = "!$%&'()*+,/:;=?@[]~"  # what an address may hold leaves as it came: signatures in queries depend on it


@dataclass(frozen=True, slots=True)
class Target:
    """`host` is ASCII, lower-case and without brackets; `path` holds the query, and starts with a slash.

    An `excepted` one may lead anywhere; every other only to public addresses, which is the dialler's to see.
    """

    scheme: str
    host: str
    port: int
    path: str
    excepted: bool

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def address(self) -> Address | None:
        """The host, where it is an address itself."""
        return _literal(self.host)


def check_url(text: str, exceptions: Set[HostPort] = frozenset()) -> Target:
    """Raises NotAllowed for whatever can be refused without asking anybody."""
    if len(text) > MOST_CHARACTERS:
        raise NotAllowed(f"the address has more than {MOST_CHARACTERS} characters")
    if not text.isprintable() or " " in text or "\\" in text:
        raise NotAllowed("the address holds spaces, backslashes or control characters")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise NotAllowed("the address cannot be read") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise NotAllowed("the address starts neither with http:// nor with https://")
    host, port = _host_and_port(parts.netloc, DEFAULT_PORTS[parts.scheme])
    path = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    return _judged(Target(parts.scheme, host, port, path, (host, port) in exceptions))


def excepted(texts: Iterable[str]) -> frozenset[HostPort]:
    """Hosts and ports that may lead anywhere, from `host:port` each. Raises ValueError for what is none."""
    return frozenset(map(_excepted, texts))


def _excepted(text: str) -> HostPort:
    try:
        return _host_and_port(text, default=0)
    except NotAllowed as error:
        raise ValueError(f"{text}: {error}") from None


def _judged(target: Target) -> Target:
    if target.excepted:
        return target
    if target.port not in PORTS:
        raise NotAllowed("the address names a port other than 80 and 443")
    if target.address and (what := refusal(target.address)):
        raise NotAllowed(f"the host is {what}")
    return target


def _host_and_port(authority: str, default: int) -> HostPort:
    if "@" in authority:
        raise NotAllowed("the address holds a user name or password")
    found = _AUTHORITY.fullmatch(authority)
    if not found:
        raise NotAllowed("the host cannot be read")
    host = _name(found["name"]) if found["six"] is None else _six(found["six"])
    port = int(found["port"] or default)
    if port > MOST_PORT:
        raise NotAllowed("the address names a port that there is not")
    return host, port


def _six(text: str) -> str:
    if "%" in text:
        raise NotAllowed("the host is an IPv6 address with a zone")
    try:
        return str(IPv6Address(text))
    except AddressValueError:
        raise NotAllowed("the host is no IPv6 address") from None


def _name(text: str) -> str:
    """A host as DNS is asked for it. What only some readers take for an IPv4 address is refused: 0177.1, 0x7f000001."""
    host = _ascii(text).lower().removesuffix(".")
    if not host:
        raise NotAllowed("the address names no host")
    if not _NAME.fullmatch(host):
        raise NotAllowed("the host is no valid name")
    if _ENDS_IN_A_NUMBER.fullmatch(host) and not _literal(host):
        raise NotAllowed("the host is an IPv4 address that is not written as four decimal numbers")
    return host


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise NotAllowed("the host is no valid name") from None


def _literal(host: str) -> Address | None:
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return None
