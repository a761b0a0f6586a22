"""What `make k8s` checks with, in an environment of its own: `.venv-k8s`, never the project's."""

import hashlib
import shutil
import sys
from pathlib import Path

from deploy.local.display import Display, Step
from deploy.local.running import run

CLONE = Path(__file__).resolve().parents[2]
LOCK = Path(__file__).with_name("requirements.lock")
VENV = CLONE / ".venv-k8s"
PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--require-hashes", "-r")


def program(name: str) -> str:
    """A program of that environment, which is made or brought up to its lock first."""
    stamp, wanted = VENV / "installed", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        with Display() as display, display.step("Linters") as step:
            _install(step)
        stamp.write_text(wanted)
    return str(VENV / "bin" / name)


def _install(step: Step) -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(VENV)], "venv-k8s", step)
    names = LOCK.read_text().count("==")
    run([str(VENV / "bin/python"), *PIP, str(LOCK)], "pip-k8s", step, r"^Collecting", names)
