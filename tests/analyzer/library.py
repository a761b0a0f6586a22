"""Pictures in a bucket, and what is asked of their analysis."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
from minio import Minio

from contracts import ids
from contracts.events import Json
from contracts.images import Wanted
from services.analyzer.analysis import Found, Setup
from tests import pictures
from tests.processes import children


class Library:
    """A bucket, and the analysis of what lies in it."""

    def __init__(self, setup: Setup, counted: Path) -> None:
        self.setup = setup
        self.bucket = setup.bucket
        self.minio = Minio(setup.s3.partition("://")[2], setup.access_key, setup.secret_key, secure=False)
        self._counted = counted

    def put(self, key: str, data: bytes) -> None:
        self.minio.put_object(self.bucket, key, BytesIO(data), len(data))

    def get(self, key: str) -> bytes:
        return self.minio.get_object(self.bucket, key).read()  # type: ignore[no-any-return]

    def keys(self, prefix: str = "derived/") -> list[str]:
        found = self.minio.list_objects(self.bucket, prefix, recursive=True)
        return sorted(str(one.object_name) for one in found)

    def add(self, data: bytes) -> dict[str, Any]:
        """Uploads an original; answers what `find` wants to know of it."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.put(ids.original_key(sha256), data)
        return {"sha256": sha256, "storage_key": ids.original_key(sha256), "size": len(data)}

    def lines(self) -> list[str]:
        return self._counted.read_text().split() if self._counted.exists() else []


def decoders() -> list[psutil.Process]:
    """The decoders of this process, oldest first."""
    return children("services.analyzer.child")


def wanted(algorithm: str, **params: Json) -> list[Wanted]:
    return [Wanted(algorithm=algorithm, params=params)]


def types(found: Found) -> dict[str, str]:
    return {one.algorithm: one.type for one in found.failures}


SMALL = pictures.photograph(64, 48)
