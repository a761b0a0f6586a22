"""The thumbnail worker that tutorials build with Celery and Redis: open the picture, shrink it, save it, three times.

Run by `celery --app tasks worker`. What it found is written beside the pictures, as ours is. With `upright` it turns
phones' pictures first, as the better tutorials do and as ours does; Pillow then decodes every pixel three times.
"""

import json
import os
from io import BytesIO
from urllib.request import urlopen
from uuid import uuid4

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
    data, found = load(key), {}
    for name, longest in SIZES.items():
        picture, found[name] = shrunk(data, longest, upright)
        save(f"derived/{key}/{name}.jpg", picture, "image/jpeg")
    save(f"derived/{key}/result.json", json.dumps(found).encode(), "application/json")
    return found


@app.task
def thumbnails_of(url, upright):
    """The same of a picture at an address, for `thumbnailer.py`: the keys of what was made."""
    with urlopen(url, timeout=60) as answer:
        data = answer.read()
    made = {name: f"derived/{uuid4()}/{name}.jpg" for name in SIZES}
    for name, longest in SIZES.items():
        save(made[name], shrunk(data, longest, upright)[0], "image/jpeg")
    return made


def shrunk(data, longest, upright):
    """The picture as JPEG, and its size."""
    image = Image.open(BytesIO(data))
    if upright:
        image = ImageOps.exif_transpose(image)
    image.thumbnail((longest, longest))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=82)  # as ours
    return buffer.getvalue(), image.size


def load(key):
    response = client.get_object(bucket, key)
    data = response.read()
    response.close()
    response.release_conn()
    return data


def save(key, data, content_type):
    client.put_object(bucket, key, BytesIO(data), len(data), content_type=content_type)
