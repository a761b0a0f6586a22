"""One signed request to an S3 server, and what its answer means. Signature Version 4 and path-style addresses only."""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self, cast
from urllib.parse import SplitResult, quote, urlsplit

from minio.credentials.credentials import Credentials
from minio.signer import presign_v4, sign_v4_s3

from adapters.wire import Broken, Buffer, Connection, Server
from contracts.events import TryLater

UNSIGNED = "UNSIGNED-PAYLOAD"
CONNECTIONS = 128
MOST_ERROR_BYTES = 64 * 1024

LATER = ("SlowDown", "RequestTimeout", "RequestTimeTooSkewed")
"""What the store says no to only now. A clock that is wrong here or there will be set right."""

UNREADABLE = ("SlowDownRead",)
"""What MinIO says of an object whose bytes do not fit their checksums."""

Body = Buffer | Sequence[Buffer]


class ObjectMissing(Exception):
    """No object lies under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no object {key}")
        self.key = key


class StoreRefused(Exception):
    """The store's no that no retry changes: wrong credentials, no such bucket, a broken request."""


class Unreadable(TryLater):
    """The store answered and did not give the bytes: perhaps it is going down, perhaps they are damaged."""


class S3:
    """A pool of kept-alive connections to one bucket."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str, region: str) -> None:
        self._base = urlsplit(endpoint)
        self._credentials = Credentials(access_key, secret_key)
        self._region = region
        self.bucket = bucket
        self.guarded = _guarded(self._base)

    async def __aenter__(self) -> Self:
        self._server = Server(self._base, CONNECTIONS)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

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
    ) -> AsyncIterator[Connection]:
        """The store's answer, its body still unread. `sha256` is the body's, where it is known already.

        What arrived is checked by TLS, by the machine itself on loopback, and otherwise by the store against the
        signed hash of the body. Raises ObjectMissing, StoreRefused, and TryLater for a store that cannot be reached,
        answers 5xx or breaks off; Unreadable is one that had begun to answer.
        """
        url = self._base._replace(path=self._path(key), query=_query(query or {}))
        signed = self._signed(method, url, headers or {}, UNSIGNED if self.guarded else sha256 or _sha256(body))
        target = f"{url.path}?{url.query}" if url.query else url.path
        buffers = (body,) if isinstance(body, Buffer) else body
        broken: type[TryLater] = TryLater
        try:
            async with self._server.exchange(method, target, signed, buffers) as answer:
                if answer.status >= 300:
                    raise _refusal(answer.status, await answer.read(MOST_ERROR_BYTES), f"{method} {key}", key)
                broken = Unreadable
                yield answer
        except Broken as error:
            raise broken(f"object storage does not answer: {error}") from error

    def _signed(self, method: str, url: SplitResult, headers: Mapping[str, str], sha256: str) -> dict[str, str]:
        now = datetime.now(UTC)
        signed: dict[str, Any] = {
            "Host": url.netloc,
            "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"),
            "X-Amz-Content-Sha256": sha256,
            **headers,
        }
        with_signature = sign_v4_s3(
            method=method,
            url=url,
            region=self._region,
            headers=signed,
            credentials=self._credentials,
            content_sha256=sha256,
            date=now,
        )
        return cast(dict[str, str], with_signature)

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
    if code in UNREADABLE:
        return Unreadable(f"object storage answers {status} {code}")
    if status >= 500 or status == 429 or code in LATER:
        return TryLater(f"object storage answers {status} {code}".rstrip())
    if status == 404 and key and code != "NoSuchBucket":
        return ObjectMissing(key)
    return StoreRefused(f"{call}: {status} {code}")
