"""What Framelog is measured against, in an environment of its own: `.venv-peers`, never the project's."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.stand import Stack
from deploy.local.refusal import CannotStart
from deploy.local.whereabouts import CLONE

PEERS = Path(__file__).parent
LOCK = PEERS / "requirements.lock"
VENV = CLONE / ".venv-peers"
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "-r")


def prepare() -> None:
    """What may be missing is found before anything slow."""
    program("python")


def program(name: str) -> str:
    """A program of the peers' environment, which is made or brought up to its lock first."""
    stamp, wanted = VENV / "installed", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("  installing the peers", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(VENV))
        _run(str(VENV / "bin" / "python"), *PIP, str(LOCK))
        stamp.write_text(wanted)
    return str(VENV / "bin" / name)


def store(stack: Stack, bucket: str) -> dict[str, str]:
    """Where the peers put their objects, as they read it from the environment."""
    return {
        "S3": urlsplit(stack.s3).netloc,
        "S3_ACCESS_KEY": stack.s3_access_key,
        "S3_SECRET_KEY": stack.s3_secret_key,
        "BUCKET": bucket,
    }


def _run(*command: str) -> None:
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
        raise CannotStart(f"the peers' environment {VENV} cannot be made: {command[-1]}")
