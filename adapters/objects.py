"""Objects in S3-compatible storage: whole and in parts, put, copied, read, listed. Plain S3 calls only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Self
from xml.etree import ElementTree

from adapters.s3 import S3, Body, ObjectMissing, StoreRefused, Unreadable
from adapters.wire import Connection
from contracts.events import TryLater

__all__ = [
    "PART",
    "Body",
    "Listed",
    "ObjectMissing",
    "Objects",
    "Opened",
    "Parts",
    "Stat",
    "StoreRefused",
    "Unreadable",
]

PART = 5 * 1024 * 1024
OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Stat:
    """What the store says of an object without sending it. `size` is bytes; `etag` is the store's own, not our hash."""

    size: int
    media_type: str
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """An object being read: `size` bytes are to come, in `chunks` of at most 256 KiB. `etag` is as in Stat."""

    size: int
    etag: str
    chunks: AsyncIterator[bytes]


class Objects:
    """One bucket. Every method raises TryLater while the store is down, and ObjectMissing where it needs an object."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str, region: str) -> None:
        self._s3 = S3(endpoint, access_key, secret_key, bucket, region)

    async def __aenter__(self) -> Self:
        await self._s3.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._s3.__aexit__()

    async def ready(self) -> None:
        """Raises TryLater while the bucket cannot be reached."""
        async with self._s3.call("HEAD"):
            pass

    async def put(self, key: str, body: Body, media_type: str = OCTETS, sha256: str | None = None) -> None:
        """Durable when it returns. `sha256` is the body's, where it is known already."""
        headers = {"Content-Type": media_type}
        async with self._s3.call("PUT", key, headers=headers, body=body, sha256=sha256):
            pass

    async def begin(self, key: str, media_type: str = OCTETS) -> "Parts":
        """An object sent in parts. It does not exist before `complete`; who begins must complete or abort."""
        async with self._s3.call("POST", key, query={"uploads": ""}, headers={"Content-Type": media_type}) as answer:
            upload = _text(await _xml(answer), "UploadId")
        return Parts(self._s3, key, upload)

    async def copy(self, source: str, target: str, media_type: str = OCTETS) -> None:
        """A copy made inside the store, of at most 5 GiB, that takes `media_type` instead of the source's."""
        headers = {
            "Content-Type": media_type,
            "X-Amz-Copy-Source": self._s3.source(source),
            "X-Amz-Metadata-Directive": "REPLACE",
        }
        async with self._s3.call("PUT", target, headers=headers) as answer:
            await _xml(answer)

    async def get(self, key: str, first: int = 0, last: int | None = None) -> bytes:
        """The bytes from `first` to `last`, both included; to the end without `last`."""
        async with self._s3.call("GET", key, headers=_range(first, last)) as answer:
            return await answer.read()

    @asynccontextmanager
    async def open(self, key: str, first: int = 0, last: int | None = None) -> AsyncIterator[Opened]:
        """Like `get`, for bytes that need not be in memory at once."""
        async with self._s3.call("GET", key, headers=_range(first, last)) as answer:
            yield Opened(int(answer.headers["content-length"]), answer.headers["etag"], answer.chunks())

    async def stat(self, key: str) -> Stat:
        async with self._s3.call("HEAD", key) as answer:
            said = answer.headers
        return Stat(
            size=int(said["content-length"]),
            media_type=said.get("content-type", OCTETS),
            etag=said["etag"],
            modified=parsedate_to_datetime(said["last-modified"]),
        )

    async def delete(self, key: str) -> None:
        """Nothing lies under `key` when it returns, whether or not something did before."""
        with suppress(ObjectMissing):
            async with self._s3.call("DELETE", key):
                pass

    async def list(self, prefix: str = "") -> AsyncIterator[Listed]:
        """Every object whose key starts with `prefix`, in the order of keys."""
        query = {"list-type": "2", "prefix": prefix}
        while True:
            async with self._s3.call("GET", query=query) as answer:
                page = await _xml(answer)
            for one in page.iterfind("{*}Contents"):
                modified = datetime.fromisoformat(_text(one, "LastModified"))
                yield Listed(_text(one, "Key"), int(_text(one, "Size")), modified)
            if _text(page, "IsTruncated") != "true":
                return
            query["continuation-token"] = _text(page, "NextContinuationToken")

    def presign(self, method: str, key: str, expires: int) -> str:
        """An address that allows one method on one object to whoever holds it, for `expires` seconds."""
        return self._s3.presign(method, key, expires)


@dataclass(slots=True)
class Parts:
    """An object under way in parts, each but the last of at least 5 MiB, sent one after the other."""

    _s3: S3
    _key: str
    _upload: str
    _etags: list[str] = field(default_factory=list)

    async def add(self, body: Body) -> None:
        query = {"partNumber": str(len(self._etags) + 1), "uploadId": self._upload}
        async with self._s3.call("PUT", self._key, query=query, body=body) as answer:
            self._etags.append(answer.headers["etag"])

    async def complete(self) -> None:
        """The object exists, whole, when it returns."""
        root = ElementTree.Element("CompleteMultipartUpload")
        for number, etag in enumerate(self._etags, start=1):
            part = ElementTree.SubElement(root, "Part")
            ElementTree.SubElement(part, "PartNumber").text = str(number)
            ElementTree.SubElement(part, "ETag").text = etag
        body = ElementTree.tostring(root)
        async with self._s3.call("POST", self._key, query={"uploadId": self._upload}, body=body) as answer:
            await _xml(answer)

    async def abort(self) -> None:
        """Nothing is left of it when it returns; harmless after `complete`."""
        with suppress(ObjectMissing):
            async with self._s3.call("DELETE", self._key, query={"uploadId": self._upload}):
                pass


def _range(first: int, last: int | None) -> dict[str, str]:
    return {"Range": f"bytes={first}-{'' if last is None else last}"} if first or last is not None else {}


async def _xml(answer: Connection) -> ElementTree.Element:
    """The answer's body. Copies and completions say 200 first and may fail later, in the body."""
    root = ElementTree.fromstring(await answer.read())
    if root.tag.endswith("Error"):
        raise TryLater(f"object storage gave up: {_text(root, 'Code')}")
    return root


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
