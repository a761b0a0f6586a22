"""Photographs of a given size in pixels and in bytes, alike in every run, and as many different files as are asked for.

The picture is a seeded scene of soft shapes with a sensor's grain, encoded at the quality that comes nearest to the
wanted number of bytes. A JPEG comment behind its first marker holds a number, so that no two uploads are equal.
"""

from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

OCTAVES = (1024, 512, 256, 128, 64, 32, 16)
CONTRAST, GRAIN = 45, 5
START_OF_IMAGE, COMMENT = b"\xff\xd8", b"\xff\xfe\x00\x12"
STAMP_AT, STAMP = 6, 16  # where the number lies in the file, and its length


@dataclass(frozen=True, slots=True)
class Photograph:
    """`name` says how large it is; `data` is numbered 0."""

    name: str
    width: int
    height: int
    data: bytes

    def numbered(self, number: int) -> bytes:
        return self.data[:STAMP_AT] + stamp(number) + self.data[STAMP_AT + STAMP :]


def stamp(number: int) -> bytes:
    return f"{number:0{STAMP}}".encode()


def photograph(name: str, width: int, height: int, size: int) -> Photograph:
    """A JPEG of exactly `size` bytes: what the picture leaves over follows behind its end, as in a motion photo."""
    scene = Image.fromarray(_scene(width, height))
    room = size - len(COMMENT) - STAMP
    encoded = next(found for quality in range(94, 10, -2) if len(found := _encoded(scene, quality)) <= room)
    data = START_OF_IMAGE + COMMENT + stamp(0) + encoded[2:]
    return padded(Photograph(name, width, height, data), name, size)


def padded(photo: Photograph, name: str, size: int) -> Photograph:
    return replace(photo, name=name, data=photo.data + bytes(size - len(photo.data)))


def _encoded(scene: Image.Image, quality: int) -> bytes:
    buffer = BytesIO()
    scene.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _scene(width: int, height: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(1)
    total = np.zeros((height, width, 3), np.float32)
    for across in OCTAVES:
        size = (height // across + 2, width // across + 2)
        shades = random.normal(0, 1, (*size, 1)) + random.normal(0, 0.3, (*size, 3))
        soft = Image.fromarray((shades * 20 * (across / 1024) ** 0.4 + 128).clip(0, 255).astype(np.uint8))
        total += np.asarray(soft.resize((width, height), Image.Resampling.BICUBIC))
    total -= total.mean()
    total *= CONTRAST / total.std()
    total += 128 + GRAIN * random.standard_normal((height, width, 1), np.float32)
    return total.clip(0, 255).astype(np.uint8)
