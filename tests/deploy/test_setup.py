"""A bare machine: what is missing is said before anything slow, and what is fetched is fetched once, whole."""

import ast
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deploy.local import cache, packages, tools
from deploy.local.artifacts import KAFKA, MINIO
from deploy.local.checks import Findings, look
from deploy.local.lock import WHEELS

CLONE = Path(__file__).resolve().parents[2]


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has a package manager, an empty cache and nothing else."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    executable(binaries / "apt-get", "exit 1")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FRAMELOG_")}
    inherited.pop("JAVA_HOME", None)
    return inherited | {"PATH": str(binaries), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def executable(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def setup(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.local.setup", "run"]
    return subprocess.run(command, cwd=CLONE, env=environment, capture_output=True, text=True, timeout=30)


def test_a_missing_tool_is_named_with_its_command_before_anything_slow(bare: dict[str, str]) -> None:
    began = time.monotonic()
    done = setup(bare)
    assert done.returncode == 3
    assert time.monotonic() - began < 10
    sudo = "" if os.geteuid() == 0 else "sudo "
    assert f"framelog: mvn is missing, which fetches Kafka's jars: {sudo}apt-get install -y maven" in done.stderr
    assert done.stdout == ""
    assert not Path(bare["XDG_CACHE_HOME"]).exists()


def test_a_tool_is_not_missed_where_its_server_is_given(bare: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATH", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, bare[name])
    assert look(servers=True).wanting
    for name in ("FRAMELOG_KAFKA", "FRAMELOG_S3", "FRAMELOG_POSTGRES"):
        monkeypatch.setenv(name, "elsewhere")
    assert look(servers=True) == Findings()


def test_a_tool_is_not_missed_where_what_it_makes_is_in_the_cache(
    bare: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PATH", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, bare[name])
    for entry in (KAFKA, MINIO):
        (cache.cache() / entry).mkdir(parents=True)
    assert [line for line in look(servers=True).wanting if "mvn" in line or "go " in line] == []


def test_a_java_too_old_is_named_with_the_remedy(bare: dict[str, str]) -> None:
    executable(Path(bare["PATH"]) / "java", """echo 'openjdk version "11.0.22" 2024-01-16' >&2""")
    done = setup(bare)
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if "Java" in line]
    assert "is Java 11.0.22, and Kafka needs 17 or newer: " in line
    assert "apt-get install -y openjdk-17-jre-headless" in line


def test_java_8_is_read_as_8(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    executable(tmp_path / "bin/java", """echo 'java version "1.8.0_202"' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(tools.Unfit, match=r"is Java 1\.8\.0, and Kafka needs 17"):
        tools.java()


def test_a_stand_in_that_only_offers_to_install_java_counts_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    executable(tmp_path / "bin/java", "echo 'Unable to locate a Java Runtime' >&2; exit 1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(tools.Absent):
        tools.java()


def test_postgres_of_another_version_than_its_data_is_refused() -> None:
    with pytest.raises(tools.Unfit, match="data was made by Postgres 9, which is gone"):
        tools.postgres(made_by=9)


def test_an_old_python_says_so_in_one_line() -> None:
    pretend = "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); runpy.run_module('deploy.local.setup')"
    done = subprocess.run([sys.executable, "-c", pretend], cwd=CLONE, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr == (
        "framelog: this is Python 3.9, and 3.11 or newer is needed: "
        "install it, and name it: make PYTHON=python3.11 run\n"
    )


def test_an_old_python_can_read_the_file_that_says_so() -> None:
    ast.parse((CLONE / "deploy/local/setup.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("tool", ["java", "mvn", "go", "postgres", "venv"])
def test_every_package_manager_has_a_package_of_every_tool(tool: str) -> None:
    assert all(tool in names for names in packages.PACKAGES.values())
    assert tool in packages.how_to_install(tool) or " " in packages.how_to_install(tool)


def test_the_wheels_are_pinned_at_the_versions_that_the_cache_names() -> None:
    for tool, entry in WHEELS.items():
        name, _, version = entry.rpartition("-")
        assert f"{name}=={version} " in (CLONE / "deploy/local/wheels" / f"{tool}.lock").read_text()


def test_what_failed_half_way_leaves_nothing_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def half(directory: Path) -> None:
        (directory / "half").touch()
        raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        cache.install("jars", half)
    assert [path.name for path in (tmp_path / "framelog").iterdir()] == ["jars.lock"]


def test_two_clones_at_once_make_a_thing_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made: list[Path] = []

    def slowly(directory: Path) -> None:
        made.append(directory)
        time.sleep(0.2)
        (directory / "whole").touch()

    clones = [threading.Thread(target=cache.install, args=("jars", slowly)) for _ in range(4)]
    for clone in clones:
        clone.start()
    for clone in clones:
        clone.join()
    assert len(made) == 1
    assert (tmp_path / "framelog/jars/whole").exists()


def test_no_lock_and_no_pom_names_where_packages_come_from() -> None:
    for path in [*CLONE.glob("*.lock"), *CLONE.glob("deploy/local/wheels/*.lock")]:
        assert "://" not in path.read_text()
    assert "repositor" not in (CLONE / "deploy/local/pom.xml").read_text().lower().replace("no repositories", "")
