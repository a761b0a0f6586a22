"""What decoders are told, as the settings have it."""

from collections.abc import Collection

from services.analyzer.jobs import Caps, Setup
from services.settings import Decoding


def unstored(settings: Decoding, algorithms: Collection[str]) -> Setup:
    """For decoders without a store, with room for what `algorithms` need."""
    return Setup(
        caps=Caps(
            bytes=settings.max_upload_bytes,
            pixels=settings.max_pixels,
            frames=settings.max_frames,
            animation_pixels=settings.max_animation_pixels,
        ),
        seconds=settings.decode_seconds,
        memory=settings.memory(algorithms),
        settings=settings.for_algorithms(),
    )
