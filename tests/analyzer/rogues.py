"""Algorithms that misbehave, installed in a test's decoders by `Setup(plugins="tests.analyzer.rogues:installed")`."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from contracts.events import Json, Params
from services.analyzer import plugins
from services.analyzer.algorithm import Algorithm, Finding, Rendition, Schema, Settings
from services.analyzer.decoded import DecodedImage
from services.analyzer.header import Size

ANY: Schema = {"type": "object"}


class Rogue:
    version = 1
    description = "for tests"
    params_schema = ANY
    result_schema = ANY

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def name(self) -> str:
        return type(self).__name__.lower()


class Sleeps(Rogue):
    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        time.sleep(params.get("seconds", 3600))
        return Finding({"slept": True})


class Spins(Rogue):
    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        while True:
            pass


class Hoards(Rogue):
    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        return Finding({"size": len(bytearray(8 * 1024**3))})


class Dies(Rogue):
    """Of `signal`, or, while the file named by the setting `dies_once` is not there, of SIGKILL."""

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        once = self.settings.get("dies_once")
        if once is None or not Path(once).exists():
            if once:
                Path(once).touch()
            os.kill(os.getpid(), params.get("signal", signal.SIGKILL))
        return Finding({"survived": True})


class Raises(Rogue):
    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        raise LookupError("no such\0thing \ud800")


class Counts(Rogue):
    """Leaves a line in the file named by the setting `counted` each time it is asked."""

    version = 3

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        with Path(self.settings["counted"]).open("a") as file:
            file.write(f"{image.sha256}\n")
        return Finding({"width": image.header.width, **params})


class Prints(Rogue):
    """Writes where answers are written, and makes a picture."""

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        print("not an answer")
        os.write(1, b"neither\n")
        rendition = Rendition(image.sha256, "tiny", 1, 1, "text/plain", b"x")
        return Finding({"rendition": rendition.described()}, (rendition,))


class Overlaps(Rogue):
    """Leaves a line in the file named by the setting `counted` when it begins and when it ends, half a second apart."""

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        for said in ("begins", "ends"):
            with Path(self.settings["counted"]).open("a") as file:
                file.write(f"{said}\n")
            time.sleep(0.5 if said == "begins" else 0)
        return Finding({})


class Unfit(Rogue):
    """Answers what no event can hold."""

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        unfit: dict[str, Json] = {"nul": "\0", "object": object(), "huge": "x" * 1_000_000, "lone": "\ud800"}
        return Finding({"value": unfit[params["kind"]]})


class Picky(Rogue):
    params_schema: Schema = MappingProxyType(
        {
            "type": "object",
            "properties": {"width": {"type": "integer", "minimum": 1}},
            "required": ["width"],
            "additionalProperties": False,
        }
    )

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        return Finding({"width": params["width"]})


ROGUES = (Sleeps, Spins, Hoards, Dies, Raises, Counts, Prints, Overlaps, Unfit, Picky)


def installed(settings: Settings) -> Mapping[str, Algorithm]:
    rogues: list[Algorithm] = [rogue(settings) for rogue in ROGUES]
    return plugins.installed(settings) | {rogue.name: rogue for rogue in rogues}


def counting(settings: Settings) -> Mapping[str, Algorithm]:
    """The house's own; each decode leaves a line in the file named by the setting `counted`."""
    sized = DecodedImage.sized

    def counted(image: DecodedImage, size: Size, cropped: bool = False) -> Image.Image:
        with Path(settings["counted"]).open("a") as file:
            file.write("decoded\n")
        return sized(image, size, cropped)

    DecodedImage.sized = counted  # type: ignore[method-assign]
    return plugins.installed(settings)


def broken(settings: Settings) -> Mapping[str, Algorithm]:
    raise RuntimeError("a plug-in cannot be imported")
