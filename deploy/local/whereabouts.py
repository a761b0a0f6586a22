"""Where a stack is: its home, and its servers as they were given or as it started them."""

from pathlib import Path
from typing import TypeVar

from deploy.local.home import Addresses, Home
from deploy.local.servers import Given
from services.settings import Endpoints

CLONE = Path(__file__).resolve().parents[2]

S = TypeVar("S", bound=Endpoints)


def home(settings: Endpoints) -> Home:
    return Home((CLONE / settings.home).resolve())


def given(settings: Endpoints) -> Given:
    """What the environment names itself, defaults left out."""
    named = settings.model_fields_set
    return Given(
        kafka=settings.kafka if "kafka" in named else None,
        s3=(settings.s3, settings.s3_access_key, settings.s3_secret_key) if "s3" in named else None,
        postgres=settings.postgres if "postgres" in named else None,
    )


def located(settings: S) -> S:
    """`settings` with the addresses of the servers that this home started last, where none were given."""
    started = home(settings).addresses()
    return settings.model_copy(update=_unnamed(settings, started)) if started else settings


def _unnamed(settings: Endpoints, started: Addresses) -> dict[str, str]:
    own = given(settings)
    found = {} if own.kafka else {"kafka": started.kafka}
    if not own.s3:
        found |= {"s3": started.s3, "s3_access_key": started.s3_access_key, "s3_secret_key": started.s3_secret_key}
    return found if own.postgres else found | {"postgres": started.postgres}
