"""malloc, as a process needs it that moves large buffers all day."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
LARGEST = 32 * 1024 * 1024


def keep_freed(bytes_: int) -> None:
    """Buffers come from memory the process already has, and up to `bytes_` of it stay with the process when freed.

    By default glibc maps every buffer of 128 KiB and more afresh, and the kernel fills its pages with zeros one fault
    at a time: two thirds of the CPU of receiving an upload. Without glibc this does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, LARGEST)
    mallopt(_TRIM_THRESHOLD, bytes_)
