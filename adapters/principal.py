"""Who asks."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends

Role = Literal["user", "admin"]


@dataclass(frozen=True, slots=True)
class Principal:
    """An account that has shown who it is."""

    account: str
    role: Role


async def principal() -> Principal:
    """The account behind a request. There is one account yet: whoever reaches the API acts as `admin`."""
    return Principal("admin", "admin")


Who = Annotated[Principal, Depends(principal)]
