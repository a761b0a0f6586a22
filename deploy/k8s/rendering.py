"""What `kubectl apply -k` would send, as kustomize renders it: our own, at one version, built once per machine."""

import subprocess
from functools import cache as once
from pathlib import Path

from deploy.local.artifacts import KUSTOMIZE, KUSTOMIZE_MODULE
from deploy.local.cache import cache
from deploy.local.display import Display
from deploy.local.install import go_binary
from deploy.local.refusal import CannotStart

FOLDER = Path(__file__).parent
OVERLAYS = tuple(sorted(path.name for path in (FOLDER / "overlays").iterdir()))
MONITORING = FOLDER.parent / "monitoring"
"""For the namespace in which Prometheus runs."""
LINES = 404  # that its build prints, for the progress alone


def overlaid(overlay: str) -> bytes:
    return rendered(FOLDER / "overlays" / overlay)


def rendered(folder: Path) -> bytes:
    """YAML, a document for each resource. Raises CannotStart with what kustomize says of a mistake."""
    done = subprocess.run([str(_kustomize()), "build", str(folder)], capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise CannotStart(f"{folder.name} cannot be rendered: {done.stderr.decode().strip()}")
    return done.stdout


@once
def _kustomize() -> Path:
    """The binary, from the cache or built into it."""
    if not (cache() / KUSTOMIZE).exists():
        with Display() as display, display.step("kustomize") as step:
            go_binary(step, KUSTOMIZE, KUSTOMIZE_MODULE, LINES)
    return cache() / KUSTOMIZE / "kustomize"
