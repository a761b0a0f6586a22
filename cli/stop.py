"""`framelog stop`: end the stack of this home."""

import os
import signal
import time
from contextlib import suppress

from cli.errors import SOMETHING_IS_DOWN, Failed
from cli.options import AsJson
from cli.output import json_line
from deploy.local.home import Home
from deploy.local.leftovers import reap
from deploy.local.whereabouts import home
from services.settings import Endpoints

PATIENCE = 90.0  # seconds: every layer of children has its own


def stop(as_json: AsJson = False) -> None:
    """Stop what `framelog up` started in FRAMELOG_HOME, and what a killed one left behind."""
    where = home(Endpoints.read())
    pid = where.holder()
    if pid:
        _end(where, pid)
    left = _reap(where) if where.run.exists() else []
    if as_json:
        json_line({"stopped": pid, "left": left})
    elif pid or left:
        print(f"stopped {f'pid {pid}' if pid else ', '.join(left)}")
    else:
        print(f"nothing runs in {where.path}")


def _reap(where: Home) -> list[str]:
    with where.locked():
        return reap(where)


def _end(where: Home, pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    last = time.monotonic() + PATIENCE
    while where.holder() == pid:
        if time.monotonic() > last:
            raise Failed(
                f"pid {pid} has not stopped in {PATIENCE:g} s: kill -9 {pid}, then this again", SOMETHING_IS_DOWN
            )
        time.sleep(0.1)
