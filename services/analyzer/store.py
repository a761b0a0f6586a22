"""Object storage as a decoder needs it: whole objects, one call at a time. Whatever is wrong with it is *later*."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from contracts.events import TryLater
from services.analyzer.jobs import Setup

CONNECTIONS = 4
OCTETS = "application/octet-stream"


class Store:
    """One bucket, for several threads. Both methods raise TryLater while the store does not do its part."""

    def __init__(self, setup: Setup) -> None:
        address = urlsplit(setup.s3)
        self._bucket = setup.bucket
        self._client = Minio(
            address.netloc,
            setup.access_key,
            setup.secret_key,
            secure=address.scheme == "https",
            region=setup.region,
            http_client=urllib3.PoolManager(
                maxsize=CONNECTIONS,
                timeout=urllib3.Timeout(connect=3, read=20),
                retries=urllib3.Retry(total=1, backoff_factor=0.1),
            ),
        )

    def get(self, key: str) -> bytes | None:
        """The object's bytes, None where there is no such object."""
        with _answering():
            try:
                response = self._client.get_object(self._bucket, key)
            except S3Error as error:
                if error.code == "NoSuchKey":
                    return None
                raise
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

    def put(self, key: str, data: bytes, media_type: str = OCTETS) -> None:
        """Durable when it returns."""
        with _answering():
            self._client.put_object(self._bucket, key, BytesIO(data), len(data), media_type)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise TryLater(f"object storage: {error}") from error
