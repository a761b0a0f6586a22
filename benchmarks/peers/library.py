"""The image service that tutorials build with FastAPI, SQLAlchemy and pydantic: rows become models, models JSON.

It is asked the same SQL as ours, which it is given in the environment, and answers the same JSON to who has signed in:
as FastAPI's own tutorial does it, a token is decoded and its account looked up for every request. Run by `uvicorn
library:app`, one process.
"""

import os
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import create_async_engine

app = FastAPI()
engine = create_async_engine(os.environ["DATABASE"], pool_size=8, isolation_level="AUTOCOMMIT")
ONE, PAGE, IMAGES, SECRET = (os.environ[name] for name in ("ONE", "PAGE", "IMAGES", "SECRET"))
ACCOUNT = "SELECT name, role, disabled FROM accounts WHERE name = %s"


async def current_user(token: Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="token"))]) -> str:
    try:
        name = jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    async with engine.connect() as connection:
        found = (await connection.exec_driver_sql(ACCOUNT, (name,))).mappings().first()
    if found is None or found["disabled"]:
        raise HTTPException(401)
    return found["name"]


User = Annotated[str, Depends(current_user)]


class Result(BaseModel):
    algorithm_version: str
    completed_at: datetime
    result: dict[str, Any]


class Failure(BaseModel):
    algorithm: str
    type: str
    detail: str
    attempts: int


class Analysis(BaseModel):
    status: str
    results: dict[str, Result]
    failures: list[Failure]


class Rendition(BaseModel):
    name: str
    width: int
    height: int
    media_type: str
    size: int
    url: str


class Image(BaseModel):
    id: UUID
    owner: str
    version: int
    filename: str
    media_type: str
    size: int
    sha256: str
    content_url: str
    origin: str
    width: int
    height: int
    title: str | None
    description: str | None
    tags: list[str]
    visibility: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    analysis: Analysis
    renditions: list[Rendition]
    position: str


class Page(BaseModel):
    items: list[Image]
    next: str | None


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/images/{image_id}")
async def show(image_id: UUID, user: User) -> Image:
    async with engine.connect() as connection:
        found = (await connection.exec_driver_sql(ONE, (image_id,))).mappings().first()
    if found is None or found["owner"] != user:
        raise HTTPException(404)
    return image(found)


@app.get("/images")
async def list_images(tag: str, user: User, limit: int = 50) -> Page:
    async with engine.connect() as connection:
        asked = {"owner": user, "tag": [tag], "limit": limit + 1}
        ids = [row.image_id for row in await connection.exec_driver_sql(PAGE, asked)]
        rows = (await connection.exec_driver_sql(IMAGES, (ids[:limit],))).mappings()
        images = {row["image_id"]: image(row) for row in rows}
    return Page(items=[images[one] for one in ids[:limit]], next=str(ids[limit - 1]) if len(ids) > limit else None)


def image(row) -> Image:
    found = {one["algorithm"]: one for one in row["analyses"]}
    thumbnail = found.get("thumbnail") or {}
    return Image(
        id=row["image_id"],
        content_url=f"/images/{row['image_id']}/content",
        analysis=Analysis(
            status=row["status"],
            results={name: result(one) for name, one in found.items() if one["result"] is not None},
            failures=[failure(one) for one in found.values() if one["status"] == "failed"],
        ),
        renditions=[
            Rendition(url=f"/images/{row['image_id']}/renditions/{one['name']}?v={one['sha256']}", **one)
            for one in (thumbnail.get("result") or {}).get("renditions", ())
        ],
        position=f"framelog.images:{row['partition']}:{row['offset']}",
        **{name: row[name] for name in Image.model_fields if name in row},
    )


def result(one) -> Result:
    kept = {name: value for name, value in one["result"].items() if name != "renditions"}
    return Result(algorithm_version=str(one["version"]), completed_at=one["completed_at"], result=kept)


def failure(one) -> Failure:
    said = one["failure"] or {"type": "algorithm-failed", "detail": "no reason given"}
    return Failure(
        algorithm=one["algorithm"],
        type=f"/problems/{said['type']}",
        detail=said["detail"],
        attempts=one["attempts"],
    )
