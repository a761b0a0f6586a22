"""Clocks that are wrong, by libfaketime."""

from pathlib import Path

LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


class Clock:
    """A process that is started with `environment` has the right time and so many seconds, which may change."""

    def __init__(self, file: Path, seconds: int) -> None:
        self._file = file
        self.set(seconds)

    def set(self, seconds: int) -> None:
        self._file.write_text(f"{seconds:+}\n")

    def environment(self) -> dict[str, str]:
        """How much time has passed is told rightly: time-outs are no matter of the calendar. A JVM never wakes up from
        what libfaketime otherwise does to its waiting."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }


def no_library() -> str | None:
    """Why no clock can be wrong here."""
    return None if _library() else "libfaketime is missing: apt-get install libfaketime"


def _library() -> Path | None:
    found = (file for place in LIBRARIES for file in Path(place).glob("**/faketime/libfaketimeMT.so.1"))
    return next(found, None)
