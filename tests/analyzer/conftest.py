"""A bucket of pictures, and the analysis of what lies in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.analyzer.analysis import Analysis, Setup
from tests.analyzer.library import Library, decoders
from tests.running import Stack


@pytest.fixture
def library(stack: Stack, bucket: str, tmp_path: Path) -> Library:
    setup = Setup(
        s3=stack.s3,
        access_key=stack.s3_access_key,
        secret_key=stack.s3_secret_key,
        bucket=bucket,
        region="us-east-1",
        group="core",
        plugins="tests.analyzer.rogues:installed",
        settings={"counted": str(tmp_path / "counted")},
    )
    return Library(setup, tmp_path / "counted")


@pytest.fixture
async def analysis(library: Library) -> AsyncIterator[Analysis]:
    async with Analysis(library.setup, children=2) as analysis:
        yield analysis
    assert decoders() == []
