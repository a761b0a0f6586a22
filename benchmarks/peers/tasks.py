"""The thumbnail worker that tutorials build with Celery and Redis: open the picture, shrink it, save it, three times.

Run by `celery --app tasks worker`. What it found is written beside the pictures, as ours is. With `upright` it turns
phones' pictures first, as the better tutorials do and as ours does; Pillow then decodes every pixel three times.
"""

import json
import os
from io import BytesIO

from celery import Celery
from minio import Minio
from PIL import Image, ImageOps

SIZES = {"thumb": 128, "small": 512, "large": 1600}

app = Celery("tasks", broker=os.environ["REDIS"], backend=os.environ["REDIS"])
bucket = os.environ["BUCKET"]
client = Minio(
    os.environ["S3"],
    access_key=os.environ["S3_ACCESS_KEY"],
    secret_key=os.environ["S3_SECRET_KEY"],
    secure=False,
)


@app.task
def thumbnails(key, upright):
    response = client.get_object(bucket, key)
    data = response.read()
    response.close()
    response.release_conn()
    found = {}
    for name, longest in SIZES.items():
        image = Image.open(BytesIO(data))
        if upright:
            image = ImageOps.exif_transpose(image)
        image.thumbnail((longest, longest))
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=82)  # as ours
        save(f"derived/{key}/{name}.jpg", buffer.getvalue(), "image/jpeg")
        found[name] = image.size
    save(f"derived/{key}/result.json", json.dumps(found).encode(), "application/json")
    return found


def save(key, data, content_type):
    client.put_object(bucket, key, BytesIO(data), len(data), content_type=content_type)
