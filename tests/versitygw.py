"""A second S3 server, for the contract tests: `python -m tests.versitygw COMMAND…` runs COMMAND beside it.

COMMAND finds it in the JSON file that FRAMELOG_TEST_S3 names.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from deploy.local import ports
from deploy.local.display import Display
from deploy.local.install import go_binary

MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
ENTRY = "versitygw-1.8.0"
LINES = 662  # that its build prints, for the progress alone
ACCESS_KEY, SECRET_KEY = "framelog", "framelog-secret"
PATIENCE = 30.0  # seconds


def main(command: Sequence[str]) -> int:
    binary = built()
    with tempfile.TemporaryDirectory(prefix="framelog-versitygw-") as directory:
        (data := Path(directory) / "data").mkdir()
        (port,) = ports.choose([None])
        server = subprocess.Popen(
            [str(binary), "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(data)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, server)
            where = Path(directory) / "endpoints.json"
            where.write_text(json.dumps({"s3": url, "s3_access_key": ACCESS_KEY, "s3_secret_key": SECRET_KEY}))
            return subprocess.run(command, env={**os.environ, "FRAMELOG_TEST_S3": str(where)}).returncode
        finally:
            server.terminate()
            server.wait()


def built() -> Path:
    """The binary, from the cache or built into it."""
    with Display() as display, display.step("versitygw") as step:
        return go_binary(step, ENTRY, MODULE, LINES) / "versitygw"


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    """Until it answers at all: it wants a signature, which is an answer."""
    last = time.monotonic() + PATIENCE
    while time.monotonic() < last and server.poll() is None:
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"versitygw does not answer at {url}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
