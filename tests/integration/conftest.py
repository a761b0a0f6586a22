"""What every test of several parts on the real stack may use."""

from collections.abc import AsyncIterator

import pytest

from adapters.log import Log
from tests.running import House


@pytest.fixture
async def log(house: House) -> AsyncIterator[Log]:
    async with Log(house.stack.kafka, house.names, linger_ms=5) as log:
        yield log
