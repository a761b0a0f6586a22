"""The thumbnail service that tutorials build with FastAPI and Celery: ask for an address, poll for the picture.

Run by `uvicorn thumbnailer:app`, one process; the work is done by the worker of `tasks.py`.
"""

from celery.result import AsyncResult
from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel
from tasks import app as celery
from tasks import load, thumbnails_of

app = FastAPI()


class Asked(BaseModel):
    url: str
    upright: bool = False


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/thumbnails", status_code=202)
def ask(asked: Asked) -> dict[str, str]:
    return {"id": thumbnails_of.delay(asked.url, asked.upright).id}


@app.get("/thumbnails/{task_id}")
def show(task_id: str) -> Response:
    result = AsyncResult(task_id, app=celery)
    if not result.ready():
        return Response(status_code=202)
    if result.failed():
        raise HTTPException(422)
    return Response(load(result.get()["thumb"]), media_type="image/jpeg")
