"""The verdict on a picture's header: what kind it is, how large, and whether that is allowed. The bytes decide."""

from dataclasses import dataclass

from contracts.problems import Problem
from services.ingest.headers import READERS, Broken, Window, sniff


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted at most. `pixels` are of one frame, `animation_pixels` of all frames together."""

    bytes: int
    pixels: int
    frames: int
    animation_pixels: int


def media_type(head: bytes) -> str:
    """The media type of a picture that starts so. Raises the Problem `unsupported-media-type`."""
    found = sniff(head)
    if found is None:
        raise Problem("unsupported-media-type", f"Accepted are, by their bytes: {', '.join(READERS)}.")
    return found


def dimensions(kind: str, window: Window, limits: Limits) -> tuple[int, int]:
    """Upright width and height in pixels.

    Raises the Problems `undecodable-image`, `too-many-pixels` and `too-many-frames`, and Absent where the header
    goes on at bytes that are not at hand.
    """
    try:
        header = READERS[kind](window)
    except Broken as broken:
        raise Problem("undecodable-image", f"This {kind} cannot be read: {broken}.") from None
    pixels, upright = header.width * header.height, header.upright()
    if min(header.width, header.height, *upright) < 1:
        raise Problem("undecodable-image", f"This {kind} says it is {upright[0]} × {upright[1]} pixels large.")
    if pixels > limits.pixels:
        raise Problem(
            "too-many-pixels", f"{header.width} × {header.height} pixels are more than the {limits.pixels:,} accepted."
        )
    if header.frames > limits.frames:
        raise Problem("too-many-frames", f"Its frames are more than the {limits.frames:,} accepted.")
    if header.frames * pixels > limits.animation_pixels:
        raise Problem(
            "too-many-frames", f"{header.frames} frames of {pixels:,} pixels are more than is accepted together."
        )
    return upright
