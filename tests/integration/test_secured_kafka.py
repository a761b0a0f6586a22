"""A Kafka that wants TLS and a password: a picture goes through the whole line, and nobody without one gets in."""

import asyncio
import ipaddress
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from aiokafka.errors import KafkaError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.admin import create_topics
from adapters.groups import create_groups
from deploy.local.artifacts import KAFKA
from deploy.local.cache import cache
from deploy.local.home import Home
from deploy.local.kafka import has_metadata, kafka
from deploy.local.ports import choose
from deploy.local.supervisor import Supervisor
from tests.pictures import photograph
from tests.running import House, answers

LISTENER = """
listeners=SASL_SSL://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_SSL://127.0.0.1:{broker}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={certificate}
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="broker" password="among brokers" user_broker="among brokers" user_framelog="hush, hush";
"""


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[str]:
    """What FRAMELOG_KAFKA says of a broker of this test's own."""
    home = Home(Path(tempfile.mkdtemp(prefix="framelog-test-", dir=tmp_path)))
    certificate, keystore = certified(tmp_path)
    broker, controller = choose([None, None])
    address = f"sasl_ssl://framelog:hush%2C%20hush@127.0.0.1:{broker}?ca={certificate}"
    async with Supervisor(home) as supervisor:
        program = kafka(home, cache() / KAFKA, broker, controller)
        properties = home.path / "kafka" / "server.properties"
        told = LISTENER.format(broker=broker, controller=controller, keystore=keystore, certificate=certificate)
        properties.write_text(properties.read_text() + told)
        await supervisor.launch(replace(program, answers=lambda: has_metadata(address))).ready(60)
        yield address


async def test_a_picture_goes_through_a_line_that_speaks_tls_and_says_who_it_is(house: House, secured: str) -> None:
    await create_topics(secured, house.names)
    await create_groups(secured, house.names, ("core",))
    told = {"kafka": secured}
    async with AsyncExitStack() as line:
        await line.enter_async_context(house.run("services.projector", **told))
        await line.enter_async_context(house.run("services.analyzer", analyzer_children=1, **told))
        api = await line.enter_async_context(house.api(**told))
        await answers(api, "/readyz", 200)
        made = (await api.post("/v1/images", files={"file": photograph(64, 48)})).json()
        await analyzed(api, f"/v1/images/{made['id']}")
    with pytest.raises(KafkaError):
        await create_topics(secured.replace("hush", "shout"), house.names)


async def analyzed(api: httpx.AsyncClient, image: str) -> None:
    async with asyncio.timeout(30):
        while True:
            if (await answers(api, image, 200)).json()["analysis"]["status"] == "completed":
                return
            await asyncio.sleep(0.1)


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 for an hour, signed by itself; and the same with its key, both in PEM."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "certificate.pem").write_bytes(certificate)
    (folder / "keystore.pem").write_bytes(private + certificate)
    return folder / "certificate.pem", folder / "keystore.pem"
