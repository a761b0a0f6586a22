"""The stack watched by a real Prometheus: where that comes from, and the drill itself, short of its two minutes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.home import Home
from deploy.local.refusal import CannotStart
from deploy.monitoring.program import program
from deploy.monitoring.prometheus import CONFIG, configured
from tests.deploy.conftest import running_in
from tests.deploy.test_up import CLONE

UPLOADS = 50

pytestmark = pytest.mark.timeout(300)


@pytest.mark.long
def test_every_panel_has_data_and_nothing_alarms_and_no_trace_is_left(home: Home) -> None:
    try:
        program("prometheus")
    except CannotStart as missing:
        pytest.skip(str(missing))
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.monitoring.drill", "--uploads", str(UPLOADS), "--dead", "0"],
        cwd=CLONE,
        env=os.environ | {"TMPDIR": str(home.path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{UPLOADS} uploaded" in ran.stdout
    assert "returns data" in ran.stdout
    assert "no alert has fired" in ran.stdout
    assert running_in(home.path) == []
    assert list(home.path.iterdir()) == []


def test_it_keeps_away_from_servers_that_somebody_named() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.monitoring.drill"],
        cwd=CLONE,
        env=os.environ | {"FRAMELOG_POSTGRES": "postgresql://somebody@elsewhere/everything"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)


def test_without_prometheus_and_without_debian_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CannotStart, match=r"^prometheus is missing: install prometheus and put it on PATH$"):
        program("promtool")


def test_one_that_is_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "promtool").write_text("#!/bin/sh\n")
    (tmp_path / "promtool").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program("promtool") == str(tmp_path / "promtool")


def test_another_stack_is_scraped_by_the_same_rules(tmp_path: Path) -> None:
    text = configured(CONFIG.read_text(), tmp_path / "scrape.json")
    assert f"files: [{tmp_path}/scrape.json]" in text
    assert f"rule_files: [{CLONE}/deploy/monitoring/rules.yaml]" in text
    assert "evaluation_interval: 15s" in text
