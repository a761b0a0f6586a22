"""One signed request to an S3 server, and what its answer means. Signature Version 4 and path-style addresses only."""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import SplitResult, quote, urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from minio.credentials.credentials import Credentials
from minio.signer import presign_v4, sign_v4_s3
from yarl import URL

from contracts.events import TryLater

UNSIGNED = "UNSIGNED-PAYLOAD"
READ_BUFFER = 256 * 1024
CONNECTIONS = 128

Buffer = bytes | bytearray | memoryview
Body = Buffer | Sequence[Buffer]


class ObjectMissing(Exception):
    """No object lies under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no object {key}")
        self.key = key


class StoreRefused(Exception):
    """The store's no that no retry changes: wrong credentials, no such bucket, a broken request."""


class Chunks(Payload):
    """Several buffers sent as one body: never joined, and sent again where the connection turns out to be dead."""

    def __init__(self, body: Body) -> None:
        chunks = (body,) if isinstance(body, Buffer) else tuple(body)
        super().__init__(chunks)
        self._size = sum(map(len, chunks))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        for chunk in self._value:
            await writer.write(chunk)


class S3:
    """A pool of kept-alive connections to one bucket."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str, region: str) -> None:
        self._base = urlsplit(endpoint)
        self._credentials = Credentials(access_key, secret_key)
        self._region = region
        self.bucket = bucket
        self.guarded = _guarded(self._base)

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            connector=TCPConnector(limit=CONNECTIONS),
            timeout=ClientTimeout(total=None, sock_connect=5, sock_read=60),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            read_bufsize=READ_BUFFER,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    @asynccontextmanager
    async def call(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body = b"",
        sha256: str | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """The store's answer, its body still unread. `sha256` is the body's, where it is known already.

        What arrived is checked by TLS, by the machine itself on loopback, and otherwise by the store against the
        signed hash of the body. Raises ObjectMissing, StoreRefused, and TryLater for a store that cannot be reached,
        answers 5xx or breaks off.
        """
        url = self._base._replace(path=self._path(key), query=_query(query or {}))
        signed = self._signed(method, url, headers or {}, UNSIGNED if self.guarded else sha256 or _sha256(body))
        data = Chunks(body) if method in ("PUT", "POST") else None
        try:
            target = URL(url.geturl(), encoded=True)
            async with self._session.request(method, target, headers=signed, data=data) as answer:
                if answer.status >= 300:
                    raise _refusal(answer.status, await answer.content.read(65_536), f"{method} {key}", key)
                yield answer
        except ClientError as error:
            raise TryLater(f"object storage does not answer: {error or type(error).__name__}") from error

    def _signed(self, method: str, url: SplitResult, headers: Mapping[str, str], sha256: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        signed: dict[str, Any] = {
            "Host": url.netloc,
            "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"),
            "X-Amz-Content-Sha256": sha256,
            **headers,
        }
        return sign_v4_s3(
            method=method,
            url=url,
            region=self._region,
            headers=signed,
            credentials=self._credentials,
            content_sha256=sha256,
            date=now,
        )

    def presign(self, method: str, key: str, expires: int) -> str:
        """An address that allows one method on one object to whoever holds it, for `expires` seconds."""
        return presign_v4(
            method=method,
            url=self._base._replace(path=self._path(key)),
            region=self._region,
            credentials=self._credentials,
            date=datetime.now(UTC),
            expires=expires,
        ).geturl()

    def source(self, key: str) -> str:
        """The object as the header `x-amz-copy-source` names it."""
        return f"/{self.bucket}/{quote(key, safe='/~')}"

    def _path(self, key: str) -> str:
        return f"{self._base.path.rstrip('/')}/{self.bucket}" + (f"/{quote(key, safe='/~')}" if key else "")


def _guarded(endpoint: SplitResult) -> bool:
    """Whether bytes cannot change on their way unnoticed."""
    return endpoint.scheme == "https" or endpoint.hostname in ("localhost", "127.0.0.1", "::1")


def _sha256(body: Body) -> str:
    found = hashlib.sha256()
    for chunk in (body,) if isinstance(body, Buffer) else body:
        found.update(chunk)
    return found.hexdigest()


def _query(parameters: Mapping[str, str]) -> str:
    """The signature wants them sorted, and an empty value with its equals sign."""
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(parameters.items()))


def _refusal(status: int, body: bytes, call: str, key: str) -> Exception:
    found = re.search(rb"<Code>(.*?)</Code>", body)
    code = found[1].decode(errors="replace") if found else ""
    if status >= 500 or status == 429 or code in ("SlowDown", "RequestTimeout"):
        return TryLater(f"object storage answers {status} {code}".rstrip())
    if status == 404 and key and code != "NoSuchBucket":
        return ObjectMissing(key)
    return StoreRefused(f"{call}: {status} {code}")
