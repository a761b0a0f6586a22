"""The upload service that tutorials build with FastAPI and MinIO: `UploadFile`, minio-py, nothing written down.

`def`, not `async def`, since minio-py blocks: FastAPI runs it in its pool of 40 threads. The file's size is known, so
minio-py sends it as one PUT. Run by `uvicorn tutorial:app`, one process.
"""

import os
from uuid import uuid4

from fastapi import FastAPI, UploadFile
from minio import Minio

app = FastAPI()
bucket = os.environ["BUCKET"]
client = Minio(
    os.environ["S3"],
    access_key=os.environ["S3_ACCESS_KEY"],
    secret_key=os.environ["S3_SECRET_KEY"],
    secure=False,
)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/images", status_code=201)
def upload(file: UploadFile) -> dict[str, str]:
    key = f"{uuid4()}-{file.filename}"
    client.put_object(bucket, key, file.file, file.size, content_type=file.content_type)
    return {"key": key, "filename": file.filename}
