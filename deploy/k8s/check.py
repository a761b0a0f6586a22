"""`make k8s`: every overlay is rendered twice, and validated at the oldest and the newest Kubernetes that it is for.

Then what linters say of it, and of the Dockerfile, and what its specification says of compose.yaml.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.k8s import tools
from deploy.k8s.rendering import FOLDER, MONITORING, OVERLAYS, rendered
from deploy.local.refusal import CannotStart

CLONE = Path(__file__).resolve().parents[2]
OLDEST, NEWEST = "1.31", "1.37"


def main() -> int:
    try:
        with TemporaryDirectory(prefix="framelog-k8s-") as folder:
            files = [_rendered_twice(FOLDER / "overlays" / overlay, Path(folder)) for overlay in OVERLAYS]
            _valid([*files, _rendered_twice(MONITORING, Path(folder))])
            _looked_over(files)
        _linted()
    except CannotStart as wrong:
        print(f"framelog: {wrong}", file=sys.stderr)
        return wrong.exit_code
    return 0


def _rendered_twice(what: Path, into: Path) -> Path:
    first, second = rendered(what), rendered(what)
    if first != second:
        raise CannotStart(f"{what.name} is rendered otherwise each time")
    (file := into / f"{what.name}.yaml").write_bytes(first)
    print(f"{what.name}: rendered, {len(first):,} bytes, twice the same", flush=True)
    return file


def _valid(files: list[Path]) -> None:
    _run_script("validate.py", f"{OLDEST},{NEWEST}", *map(str, files))


def _looked_over(files: list[Path]) -> None:
    chosen = [part for file in files for part in ("--file", str(file))]
    config = str(Path(__file__).with_name("checkov.yaml"))
    _run(tools.program("checkov"), "--config-file", config, *chosen, "--file", str(CLONE / "Dockerfile"))
    print("checkov finds nothing", flush=True)


def _linted() -> None:
    _run(tools.program("hadolint"), "--failure-threshold", "info", str(CLONE / "Dockerfile"))
    print("hadolint finds nothing", flush=True)
    _run_script("compose.py", str(CLONE / "compose.yaml"))


def _run_script(name: str, *arguments: str) -> None:
    """`-P`: what lies beside a script is not what its libraries want to import."""
    _run(tools.program("python"), "-P", str(Path(__file__).with_name(name)), *arguments)


def _run(*command: str) -> None:
    if subprocess.run(command, stdin=subprocess.DEVNULL, cwd=CLONE).returncode:
        raise CannotStart(f"{Path(command[0]).name} says no", exit_code=1)


if __name__ == "__main__":
    sys.exit(main())
