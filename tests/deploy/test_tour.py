"""`examples/tour.sh` on a fresh stack, whole: with a model that classifies, and somebody who captions."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.home import Home
from tests.deploy.conftest import running_in
from tests.deploy.test_up import CLONE, FRAMELOG, Stack

STAND_INS = CLONE / "examples" / "stand_ins.py"

pytestmark = pytest.mark.timeout(300)


@contextmanager
def captions() -> Iterator[str]:
    """The base URL of a stand-in for a service that captions."""
    process = subprocess.Popen([sys.executable, STAND_INS, "captions", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip().partition("=")[2]
    finally:
        process.kill()
        process.wait()


def test_the_tour_goes_to_its_end_on_a_fresh_stack_and_leaves_nothing_out(home: Home, tmp_path: Path) -> None:
    stack, (port,) = Stack(home), ports.choose([None])
    subprocess.run([sys.executable, STAND_INS, "model", tmp_path], check=True)
    added = stack.command("models", "add", str(tmp_path / "colours.toml"))
    assert added.returncode == 0, added.stderr
    with captions() as url:
        stack.environment |= {
            "FRAMELOG_CAPTION_URL": url,
            "FRAMELOG_CAPTION_MODEL": "stand-in",
            "FRAMELOG_ALLOW_PRIVATE_URLS": f"127.0.0.1:{stack.port},127.0.0.1:{port}",
        }
        with stack.up() as process:
            tour = subprocess.run(
                [CLONE / "examples" / "tour.sh", stack.url, str(port)],
                env=os.environ | {"FRAMELOG": str(FRAMELOG)},
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert tour.returncode == 0, tour.stdout + tour.stderr
            process.terminate()
            assert process.wait(60) == 0
    assert "is off here" not in tour.stdout
    assert "A picture, mostly " in tour.stdout, tour.stdout
    assert "That was all." in tour.stdout
    assert running_in(home.path) == []


def test_the_readme_prints_the_tour_as_it_is() -> None:
    tour = (CLONE / "examples" / "tour.sh").read_text()
    assert f"```sh\n{tour}```\n" in (CLONE / "README.md").read_text()
