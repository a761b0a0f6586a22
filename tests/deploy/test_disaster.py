"""`examples/disaster.sh`, whole: the database is deleted, and everything is there again."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.home import Home
from tests.deploy.conftest import running_in
from tests.deploy.test_up import CLONE, FRAMELOG

SCRIPT = CLONE / "examples" / "disaster.sh"
IMAGES = 200
ROW = re.compile(r"(\w+) +([\d,]+)  (\w+) +(equal|DIFFERS.*)")

pytestmark = pytest.mark.timeout(300)


def test_a_lost_database_comes_back_from_the_log_and_nothing_is_lost(home: Home) -> None:
    (port,) = ports.choose([None])
    ran = subprocess.run(
        [SCRIPT, str(IMAGES), str(port)],
        env=os.environ | {"FRAMELOG": str(FRAMELOG), "TMPDIR": str(home.path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = {found[1]: found for line in ran.stdout.splitlines() if (found := ROW.fullmatch(line))}
    counts = {table: int(row[2].replace(",", "")) for table, row in rows.items()}
    assert {row[4] for row in rows.values()} == {"equal"}
    expected = {"images": IMAGES, "posts": IMAGES // 4, "likes": IMAGES // 2, "jobs": IMAGES // 5, "accounts": 3}
    assert {table: counts[table] for table in expected} == expected
    assert counts["events"] > 5 * IMAGES
    digests = re.findall(r"^(?:before|after)   ?([0-9a-f]{64})$", ran.stdout, re.MULTILINE)
    assert (len(digests), len(set(digests))) == (2, 1)
    assert ran.stdout.splitlines()[-1] == "lost: 0"
    assert running_in(home.path) == []
    assert list(home.path.iterdir()) == []


def test_it_keeps_away_from_servers_that_somebody_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FRAMELOG_POSTGRES=postgresql://somebody@elsewhere/everything\n")
    ran = subprocess.run([SCRIPT, "1"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)


def test_the_readme_shows_every_step_of_it() -> None:
    shown = (CLONE / "README.md").read_text()
    for step in re.findall(r'^say "([^"$]+)"$', SCRIPT.read_text(), re.MULTILINE):
        assert step in shown, step
