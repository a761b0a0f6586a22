"""Which servers the tests use is said in FRAMELOG_TEST_STACK."""

import os
import subprocess
import sys

import pytest

from tests.servers import engine_answers


@pytest.mark.skipif(engine_answers(), reason="a Docker engine answers here")
def test_containers_without_an_engine_are_refused_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/deploy/test_display.py"],
        env=os.environ | {"FRAMELOG_TEST_STACK": "containers"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert (done.stdout + done.stderr).split("\n", 1)[0] == (
        "ERROR: FRAMELOG_TEST_STACK=containers: no Docker engine answers; start one, or unset it"
    )
    assert len((done.stdout + done.stderr).strip().splitlines()) == 1
