"""`framelog up` as people run it: one address, an ordered end, and recovery from every kill."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.local import ports
from deploy.local.home import Home
from tests.deploy.conftest import kill_all, running_in

CLONE = Path(__file__).resolve().parents[2]
FRAMELOG = Path(sys.executable).with_name("framelog")
SERVICES = {"api", "analyzer", "projector"}

pytestmark = pytest.mark.timeout(300)


class Stack:
    """A `framelog up` of a test's own."""

    def __init__(self, home: Home) -> None:
        self.home = home
        (self.port,) = ports.choose([None])
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = environment(home, FRAMELOG_PORT=str(self.port))

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[str]]:
        """Running and ready; killed at the end if it still is."""
        process = subprocess.Popen(
            [FRAMELOG, "up", "--json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=(self.home.path / "up.log").open("w"),
            text=True,
        )
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line, self.said()
            assert json.loads(line) == {"url": self.url, "home": str(self.home.path)}
            yield process
        finally:
            process.kill()
            process.wait()

    def said(self) -> str:
        return (self.home.path / "up.log").read_text()

    def pid(self, name: str) -> int:
        return int(json.loads((self.home.run / f"{name}.json").read_text())["pid"])

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([FRAMELOG, *arguments], env=self.environment, capture_output=True, text=True, timeout=60)


def environment(home: Home, **settings: str) -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FRAMELOG_")}
    return bare | {"FRAMELOG_HOME": str(home.path)} | settings


def until(true: Callable[[], object], within: float = 30) -> None:
    last = time.monotonic() + within
    while not true():
        assert time.monotonic() < last
        time.sleep(0.05)


def test_one_command_starts_everything_and_a_signal_ends_it_without_a_trace(home: Home) -> None:
    stack = Stack(home)
    with stack.up() as process:
        assert httpx.get(f"{stack.url}/readyz").status_code == 200
        found = [json.loads(line) for line in stack.command("doctor", "--json").stdout.splitlines()]
        assert [one for one in found if one["well"] is False] == []
        assert {"topic framelog.images", "analyzer lag", "projector lag", *SERVICES} <= {one["what"] for one in found}

        refused = stack.command("up")
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"framelog: a stack is already running in {home.path} (pid {process.pid}); ")

        os.kill(stack.pid("analyzer"), signal.SIGKILL)
        until(lambda: "analyzer ended (killed by SIGKILL), starting it again in 0.5 s" in stack.said())

        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert stack.said().splitlines()[-2:] == ["stopping: services, Kafka, MinIO, Postgres", "stopped"]
    assert running_in(home.path) == []


@pytest.mark.long
def test_after_the_kill_of_the_supervisor_and_of_everything_the_next_start_recovers(home: Home) -> None:
    stack = Stack(home)
    with stack.up() as process:
        process.kill()
    with stack.up():
        assert len(kill_all(home.path)) > 6
    with stack.up() as process:
        assert httpx.get(f"{stack.url}/readyz").status_code == 200
        stopped = stack.command("stop")
        assert (stopped.returncode, stopped.stdout) == (0, f"stopped pid {process.pid}\n")
        assert process.wait(10) == 0
    assert running_in(home.path) == []
    assert stack.command("stop").stdout == f"nothing runs in {home.path}\n"


def test_two_stacks_of_one_clone_answer_side_by_side(home: Home) -> None:
    stacks = [Stack(home), Stack(Home(home.path / "other"))]
    (home.path / "other").mkdir(mode=0o711)
    with ExitStack() as running:
        processes = [running.enter_context(stack.up()) for stack in stacks]
        assert [httpx.get(f"{stack.url}/readyz").status_code for stack in stacks] == [200, 200]
        for process in processes:
            process.terminate()
        assert [process.wait(60) for process in processes] == [0, 0]


def refused(home: Home, **settings: str) -> tuple[int, str]:
    """Exit code and the one line of a start that must not get far."""
    given = environment(home, **{"FRAMELOG_PORT": str(ports.choose([None])[0])} | settings)
    done = subprocess.run([FRAMELOG, "up"], env=given, capture_output=True, text=True, timeout=30)
    (line,) = done.stderr.splitlines()
    assert not (home.path / "kafka").exists()
    return done.returncode, line


def test_an_unknown_setting_stops_the_start_with_its_name(home: Home) -> None:
    assert refused(home, FRAMELOG_PRT="1") == (2, "framelog: FRAMELOG_PRT: no such setting; see .env.example")


def test_a_wrong_value_stops_the_start_with_its_name(home: Home) -> None:
    code, line = refused(home, FRAMELOG_PORT="eighty")
    assert code == 2
    assert line.startswith("framelog: FRAMELOG_PORT: ")
    assert "'eighty'" in line


def test_a_wrong_setting_of_any_service_stops_the_start(home: Home) -> None:
    code, line = refused(home, FRAMELOG_DECODE_SECONDS="-1")
    assert code == 2
    assert line.startswith("framelog: FRAMELOG_DECODE_SECONDS: ")


def test_a_taken_port_is_named_with_its_holder_and_the_remedy(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = refused(home, FRAMELOG_PORT=str(port))
    assert code == 3
    assert line.startswith(f"framelog: port {port} on 127.0.0.1 is taken (by pid {os.getpid()}, ")
    assert line.endswith(f"FRAMELOG_PORT={port + 1}")


def test_a_home_that_cannot_be_written_stops_the_start(home: Home) -> None:
    code, line = refused(Home(Path("/proc/framelog")))
    assert code == 3
    assert line.startswith("framelog: /proc/framelog: cannot be written")


def test_a_java_too_old_stops_the_start(home: Home) -> None:
    (home.path / "bin").mkdir()
    java = home.path / "bin/java"
    java.write_text("""#!/bin/sh\necho 'openjdk version "11.0.22" 2024-01-16' >&2\n""")
    java.chmod(0o755)
    code, line = refused(home, JAVA_HOME=str(home.path))
    assert code == 3
    assert "is Java 11.0.22, and Kafka needs 17 or newer: " in line


def test_wrong_use_is_one_line_with_the_remedy() -> None:
    done = subprocess.run([FRAMELOG, "dctor"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "framelog: No such command 'dctor'. Did you mean 'doctor'? See `framelog --help`.\n",
    )
