"""The stack every test shares: started once, or one that is already running (FRAMELOG_TEST_STACK=endpoints.json)."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest


@dataclass(frozen=True)
class Stack:
    """Addresses of real servers."""

    kafka: str
    s3: str
    s3_access_key: str
    s3_secret_key: str
    postgres: str


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    yield Stack(**json.loads(Path(os.environ["FRAMELOG_TEST_STACK"]).read_text()))


@pytest.fixture
def unique() -> str:
    """A name no other test has: a topic prefix, a bucket, a schema."""
    return f"t{uuid4().hex[:12]}"
