"""Where connections go: nowhere but to checked addresses. Listeners count who comes, on both event loops."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.outbound import BadAnswer, NotAllowed, Outbound, OutboundFailed, Unreachable, client, target
from adapters.outbound.addresses import Address
from adapters.outbound.dialler import dialled
from tests.adapters.peers import Names, Peer, moved, ok, peer

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])

NOBODY = "2000::1"
"""Public by its number, given to nobody: dialling it leads nowhere."""


@pytest_asyncio.fixture
async def inside(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    """Something on loopback that must not be reached, at a port that may be named."""
    async with peer(ok(b"secret")) as listening:
        monkeypatch.setattr(target, "PORTS", {*target.PORTS, listening.port})
        yield listening


async def fetched(outbound: Outbound, url: str, seconds: float = 5) -> bytes:
    async with outbound.get(url, 1_000_000, seconds) as answer:
        return b"".join([chunk async for chunk in answer.chunks()])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://[::ffff:127.0.0.1]:{}/", "http://inside.test:{}/"]
)
async def test_a_refused_address_gets_no_packet(inside: Peer, url: str) -> None:
    """localhost is looked up for real."""
    resolve = Names(["127.0.0.1"]) if "test" in url else None
    for ask in (fetched, posted, polite):
        with pytest.raises(NotAllowed):
            await ask(Outbound(resolve=resolve), url.format(inside.port))
    assert inside.connections == 0


async def posted(outbound: Outbound, url: str) -> None:
    await outbound.post(url, b"{}", {}, 5)


async def polite(outbound: Outbound, url: str) -> None:
    await outbound.courtesy(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "inside.test"])
async def test_a_redirect_to_a_refused_address_gets_no_packet(inside: Peer, host: str) -> None:
    async with peer(moved(f"http://{host}:{inside.port}/")) as outside:
        with pytest.raises(NotAllowed):
            await fetched(Outbound(outside.itself, resolve=Names(["127.0.0.1"])), outside.url)
        assert outside.connections == 1
    assert inside.connections == 0


@pytest.mark.parametrize("answer", [["127.0.0.1", NOBODY], [NOBODY, "127.0.0.1"], [NOBODY, "fd00::1"]])
async def test_one_refused_address_among_the_answers_refuses_the_name(inside: Peer, answer: list[str]) -> None:
    with pytest.raises(NotAllowed, match="the host is not at a public address"):
        await fetched(Outbound(resolve=Names(answer)), f"http://both.test:{inside.port}/")
    assert inside.connections == 0


async def test_a_name_that_changes_its_answer_is_dialled_where_it_was_checked(inside: Peer) -> None:
    names = Names([NOBODY], ["127.0.0.1"])
    with pytest.raises(Unreachable):
        await fetched(Outbound(resolve=names), f"http://rebinding.test:{inside.port}/", seconds=0.5)
    assert names.asked == ["rebinding.test"]
    assert inside.connections == 0


async def test_each_hop_is_resolved_anew() -> None:
    names = Names(["127.0.0.1"])
    async with peer(moved("/again")) as outside:
        outbound = Outbound(frozenset({("outside.test", outside.port)}), resolve=names)
        with pytest.raises(BadAnswer, match="redirects more than 3 times"):
            await fetched(outbound, f"http://outside.test:{outside.port}/")
    assert names.asked == ["outside.test"] * 4


async def test_no_socket_is_opened_to_what_was_not_checked(inside: Peer) -> None:
    """A literal in the address goes past every resolver: the socket itself is the last to ask."""
    async with dialled([], ssl.create_default_context()) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(inside.url)
    assert inside.connections == 0


async def test_a_proxy_of_the_environment_is_not_used(inside: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, inside.url)
    async with peer(ok(b"itself")) as outside:
        assert await fetched(Outbound(outside.itself), outside.url) == b"itself"
    assert inside.connections == 0


async def test_each_address_of_a_name_is_tried() -> None:
    async with peer(ok(b"here")) as outside:
        exceptions = frozenset({("two.test", outside.port)})
        outbound = Outbound(exceptions, resolve=Names(["127.0.0.2", "127.0.0.1"]))
        assert await fetched(outbound, f"http://two.test:{outside.port}/") == b"here"


async def test_the_host_is_told_by_its_name_and_the_path_as_it_was_written() -> None:
    async with peer(ok()) as outside:
        outbound = Outbound(frozenset({("pictures.test", outside.port)}), resolve=Names(["127.0.0.1"]))
        await fetched(outbound, f"http://Pictures.test:{outside.port}/%41%2f/../?b=%7e+%2B&c#d")
        (head,) = outside.requests
    assert head.startswith(b"GET /%41%2f/../?b=%7e+%2B&c HTTP/1.1\r\n")
    assert b"\r\nHost: pictures.test:%d\r\n" % outside.port in head
    assert b"\r\nAccept-Encoding: identity\r\n" in head
    assert b"Cookie" not in head


async def test_a_connection_serves_one_request_and_no_cookie_is_kept() -> None:
    async with peer(ok(b"", b"Set-Cookie: a=b")) as outside:
        outbound = Outbound(outside.itself)
        for _ in range(3):
            await outbound.post(outside.url, b"", {}, 5)
        assert outside.connections == 3
        assert not any(b"cookie" in head.lower() for head in outside.requests)


async def test_a_certificate_is_asked_for_and_checked_by_the_name(tmp_path: Path) -> None:
    server, trusting, names = secured(tmp_path, "pictures.test")
    async with peer(ok(b"safe"), tls=server) as outside:
        exceptions = outside.itself | {("pictures.test", outside.port), ("others.test", outside.port)}
        resolve = Names(["127.0.0.1"])
        assert (
            await fetched(Outbound(exceptions, tls=trusting, resolve=resolve), f"https://pictures.test:{outside.port}/")
            == b"safe"
        )
        for host in ("others.test", "127.0.0.1"):
            with pytest.raises(Unreachable, match="certificate"):
                await fetched(Outbound(exceptions, tls=trusting, resolve=resolve), f"https://{host}:{outside.port}/")
        with pytest.raises(Unreachable, match="certificate"):
            await fetched(Outbound(exceptions, resolve=resolve), f"https://pictures.test:{outside.port}/")
    assert names[:2] == ["pictures.test", "others.test"]
    assert len(outside.requests) == 1


async def test_a_peer_without_tls_is_unreachable_by_https() -> None:
    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"220 mail.test ESMTP\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(no_tls, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match="TLS"):
            await fetched(Outbound(frozenset({("127.0.0.1", port)})), f"https://127.0.0.1:{port}/")


def secured(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext, list[str | None]]:
    """A server's certificate for `host`, a client that trusts it, and the names that clients ask the server for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain = folder / "server.pem"
    chain.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    asked: list[str | None] = []
    server.sni_callback = lambda _, name, __: asked.append(name)
    return server, ssl.create_default_context(cafile=str(chain)), asked


async def test_courtesy_lets_pass_what_cannot_be_resolved_now(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hanging(_: str) -> list[Address]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(client, "COURTESY_SECONDS", 0.05)
    for resolve in (Names([]), Names([NOBODY]), hanging, None):
        await polite(Outbound(resolve=resolve), "http://no-such-name.invalid/")


async def test_no_reason_tells_an_address_of_the_network(inside: Peer) -> None:
    for names in (Names(["10.1.2.3"]), Names(["127.0.0.1"])):
        with pytest.raises(OutboundFailed) as failed:
            await fetched(Outbound(resolve=names), f"http://intranet.test:{inside.port}/")
        assert not {"10.1.2.3", "127.0.0.1", "private", "loopback"} & set(str(failed.value).split())
