"""The overlays, rendered once."""

from copy import deepcopy
from functools import cache

import pytest

from deploy.k8s.rendering import OVERLAYS, overlaid
from tests.k8s.manifests import Manifests, Object, read


@cache
def _rendered(overlay: str) -> list[Object]:
    return read(overlaid(overlay))


def manifests(overlay: str) -> Manifests:
    """A copy of one's own."""
    return Manifests(deepcopy(_rendered(overlay)))


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Manifests:
    return manifests(request.param)


@pytest.fixture
def kind() -> Manifests:
    """Everything inside."""
    return manifests("kind")
