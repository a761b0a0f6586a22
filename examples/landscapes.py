"""Landscapes that nobody took: a sky, a sun, hills or waves, as a camera would have saved them. The same every time."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IFDRational

WIDTH, HEIGHT = 1800, 1200
HORIZON = 0.58
GRAIN = 2.5

Color = tuple[int, int, int]
Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """`sun` is how far right and down of 1 it stands; `taken` and `camera` go into the file's EXIF."""

    seed: int
    sky: tuple[Color, Color]
    ground: tuple[Color, Color]
    sun: tuple[float, float]
    light: Color
    waves: bool = False
    camera: tuple[str, str]
    taken: str


def photograph(landscape: Landscape) -> bytes:
    """A JPEG of 1800 × 1200 pixels."""
    pixels = _sky(landscape)
    (_waves if landscape.waves else _hills)(pixels, landscape)
    pixels += np.random.default_rng(landscape.seed).normal(0, GRAIN, (HEIGHT, WIDTH, 1))
    buffer = BytesIO()
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    picture.save(buffer, "JPEG", quality=88, exif=_exif(landscape))
    return buffer.getvalue()


def _sky(landscape: Landscape) -> Pixels:
    down = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    right = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :]
    pixels = _between(landscape.sky, np.clip(down / HORIZON, 0, 1) * np.ones_like(right))
    far = np.hypot((right - landscape.sun[0]) * WIDTH / HEIGHT, down - landscape.sun[1])
    glow = np.exp(-far * 4) * 0.6 + (far < 0.045)
    return _towards(pixels, landscape.light, np.clip(glow, 0, 1))


def _hills(pixels: Pixels, landscape: Landscape) -> None:
    """Five ridges, the nearest the darkest."""
    random = np.random.default_rng(landscape.seed)
    right = np.linspace(0, 2 * np.pi, WIDTH, dtype=np.float32)
    down = np.arange(HEIGHT, dtype=np.float32)[:, None]
    for number in range(5):
        height = HORIZON + number * 0.09
        for octave in range(1, 7):
            height = height + random.normal(0, 0.05 / octave) * np.sin(right * octave * 1.3 + random.uniform(0, 6))
        pixels[down > height * HEIGHT] = _shade(landscape.ground, number / 4)


def _waves(pixels: Pixels, landscape: Landscape) -> None:
    """The sea, with the light of the sun on it."""
    random = np.random.default_rng(landscape.seed)
    first = int(HEIGHT * HORIZON)
    down = np.linspace(0.02, 1, HEIGHT - first, dtype=np.float32)[:, None]
    right = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :] + (0.5 - landscape.sun[0]) * 2
    waves = [np.sin(40 * scale / down + right * 9 * scale + random.uniform(0, 6)) for scale in (1, 1.7, 2.9)]
    swell = np.mean(waves, axis=0)
    pixels[first:] = _between(landscape.ground, np.clip(down + 0 * right, 0, 1))
    shine = np.exp(-((right / (0.06 + down * 0.35)) ** 2)) * np.clip(swell, 0, 1) * 0.8
    pixels[first:] = _towards(pixels[first:], landscape.light, shine) + swell[..., None] * 6


def _between(colors: tuple[Color, Color], share: NDArray[np.float32]) -> Pixels:
    first, last = (np.array(color, np.float32) for color in colors)
    return first + (last - first) * share[..., None]


def _towards(pixels: Pixels, color: Color, share: NDArray[np.float32]) -> Pixels:
    found: Pixels = pixels + (np.array(color, np.float32) - pixels) * share[..., None]
    return found


def _shade(colors: tuple[Color, Color], share: float) -> Pixels:
    return _between(colors, np.array(share, np.float32))


def _exif(landscape: Landscape) -> Image.Exif:
    tags = Image.Exif()
    tags[Base.Make], tags[Base.Model] = landscape.camera
    shot = tags.get_ifd(IFD.Exif)
    shot[Base.DateTimeOriginal] = landscape.taken
    shot[Base.ExposureTime], shot[Base.FNumber] = IFDRational(1, 250), IFDRational(56, 10)
    shot[Base.ISOSpeedRatings] = 100
    return tags
