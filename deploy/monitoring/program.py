"""Prometheus and its promtool: the machine's own, else those of Debian's package, unpacked into the cache.

Nothing is installed: no daemon is started, and nobody has to be root.
"""

import shutil
import tempfile
from pathlib import Path

from deploy.local.artifacts import PROMETHEUS
from deploy.local.cache import cache, install
from deploy.local.display import Display, Step
from deploy.local.packages import how_to_install
from deploy.local.refusal import CannotStart
from deploy.local.running import run

UNPACKED_BY = ("apt-get", "dpkg-deb")
# Root's downloads are another user's, who cannot enter root's cache; for anybody else this means nothing.
APT = ("apt-get", "-o", "APT::Sandbox::User=root")


def program(name: str) -> str:
    """Where `prometheus` or `promtool` is. Raises CannotStart, with the command that installs both."""
    return shutil.which(name) or str(_unpacked() / "usr" / "bin" / name)


def _unpacked() -> Path:
    if (cache() / PROMETHEUS).exists():
        return cache() / PROMETHEUS
    if not all(map(shutil.which, UNPACKED_BY)):
        raise CannotStart(f"prometheus is missing: {how_to_install('prometheus')}")
    with Display() as display, display.step("Prometheus") as step:
        return install(PROMETHEUS, lambda directory: _unpack(directory, step))


def _unpack(directory: Path, step: Step) -> None:
    with tempfile.TemporaryDirectory(prefix=".apt-", dir=directory.parent) as scratch:
        try:
            package = _download(Path(scratch), step)
        except CannotStart as failed:
            raise CannotStart(
                f"prometheus is missing, and {failed}; or yourself: {how_to_install('prometheus')}"
            ) from None
        run(["dpkg-deb", "-x", str(package), str(directory)], "dpkg-deb", step)


def _download(scratch: Path, step: Step) -> Path:
    """By the machine's lists of packages; where it has none yet, by lists fetched for this alone."""
    fetch = ["env", f"--chdir={scratch}", *APT]
    try:
        run([*fetch, "download", "prometheus"], "apt-get", step)
    except CannotStart:
        (scratch / "lists" / "partial").mkdir(parents=True)
        (scratch / "cache").mkdir()
        fetch += ["-o", f"Dir::State::lists={scratch}/lists", "-o", f"Dir::Cache={scratch}/cache"]
        run([*fetch, "update"], "apt-get", step)
        run([*fetch, "download", "prometheus"], "apt-get", step)
    (package,) = scratch.glob("*.deb")
    return package
