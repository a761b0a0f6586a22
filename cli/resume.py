"""What makes an upload that was cut short the same upload when it is run again.

Every request of a run carries an Idempotency-Key made from the run's name and what is sent. The name is kept until a
run has ended well: the next run then repeats those requests instead of making new ones, whatever the read model
knows by then. It lives an hour longer than the run and no more, so that an image deleted since can be uploaded again.
"""

import hashlib
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from platformdirs import user_state_path

NAME = "unfinished-upload"
KEPT = 3600.0  # seconds after the last request of a run


class Run:
    def __init__(self, home: Path | None = None) -> None:
        self._path = (home or user_state_path("framelog")) / NAME
        self.name = self._begin()

    def key(self, sha256: str, fields: dict[str, Any]) -> str:
        """The Idempotency-Key of one request: the same for the same bytes and fields in the same run."""
        with suppress(OSError):
            os.utime(self._path)
        return hashlib.sha256(orjson.dumps([self.name, sha256, fields], option=orjson.OPT_SORT_KEYS)).hexdigest()

    def done(self) -> None:
        with suppress(OSError):
            self._path.unlink()

    def _begin(self) -> str:
        """Of the run that was cut short, else new. Where nothing can be kept, a run is resumed by content alone."""
        made = secrets.token_hex(16)
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._cut_short():
                return self._path.read_text()
            self._path.write_text(made)
        return made

    def _cut_short(self) -> bool:
        return self._path.exists() and self._path.stat().st_mtime > time.time() - KEPT
