"""Children are kept running, told apart from strangers, and ended: with their supervisor, whatever ends it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from deploy.local.child import Program, spawn
from deploy.local.home import Home
from deploy.local.leftovers import reap
from deploy.local.refusal import CannotStart
from deploy.local.supervisor import Supervisor, pause_after
from tests.deploy.conftest import python, running_in
from tests.processes import gone
from tests.waiting import until

FOR_EVER = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def said(home: Home, name: str, word: str) -> bool:
    return home.log(name).exists() and word in home.log(name).read_text()


@pytest.mark.parametrize(
    ("previous", "lived", "pause"),
    [(0, 0, 0.5), (0.5, 0.1, 1), (1, 3, 2), (2, 0, 4), (4, 0, 5), (5, 9.9, 5), (5, 10, 0.5), (0, 100, 0.5)],
)
def test_the_pause_doubles_to_five_seconds_and_is_forgotten_after_ten_of_life(
    previous: float, lived: float, pause: float
) -> None:
    assert pause_after(previous, lived) == pause


async def test_a_child_that_dies_is_started_again_and_that_is_said_in_one_line(home: Home) -> None:
    told: list[str] = []
    async with Supervisor(home, told.append) as supervisor:
        kept = supervisor.launch(python(FOR_EVER, cwd=home.path))
        await kept.ready(5)
        first = kept.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await until(lambda: kept.pid not in (None, first))
    assert told == [f"child ended (killed by SIGKILL), starting it again in 0.5 s; its log: {home.log('child')}"]


async def test_a_child_that_cannot_live_is_tried_again_and_again_ever_more_slowly(home: Home) -> None:
    told: list[str] = []
    async with Supervisor(home, told.append) as supervisor:
        supervisor.launch(python("raise SystemExit(7)"))
        await until(lambda: len(told) == 3)
    assert [line.split(";")[0] for line in told] == [
        f"child ended (exit 7), starting it again in {pause} s" for pause in ("0.5", "1", "2")
    ]


async def test_what_a_child_says_is_in_its_log(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        await supervisor.launch(python(f"print('hello', flush=True); {FOR_EVER}")).ready(5)
        await until(lambda: "hello" in home.log("child").read_text())


async def test_a_log_grown_large_is_put_aside_at_the_start(home: Home) -> None:
    home.prepare()
    with home.log("child").open("wb") as log:
        log.truncate(11 * 1024 * 1024)
    async with Supervisor(home) as supervisor:
        await supervisor.launch(python(FOR_EVER)).ready(5)
    assert home.log("child").stat().st_size == 0
    assert (home.logs / "child.log.1").stat().st_size == 11 * 1024 * 1024


async def test_a_log_that_grows_large_meanwhile_is_put_aside_and_written_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.supervisor.BOUND_SECONDS", 0.1)
    says = "import time; print('x' * 11 * 1024 * 1024, flush=True); time.sleep(1); print('on', flush=True)"
    async with Supervisor(home) as supervisor:
        await supervisor.launch(python(f"{says}; {FOR_EVER}")).ready(5)
        await until(lambda: home.log("child").read_text() == "on\n")
    assert (home.logs / "child.log.1").stat().st_size == 11 * 1024 * 1024 + 1


async def test_a_child_that_never_answers_stops_the_start_with_its_last_words(home: Home) -> None:
    async def never() -> bool:
        return False

    async with Supervisor(home) as supervisor:
        kept = supervisor.launch(python(f"print('no disk left', flush=True); {FOR_EVER}", answers=never))
        with pytest.raises(CannotStart, match="child does not answer: no disk left; its log: "):
            await kept.ready(1)


async def test_a_program_that_is_not_there_stops_the_start(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        kept = supervisor.launch(Program(name="gone", command=["/no/such/program"], cwd=home.path))
        with pytest.raises(CannotStart, match=r"gone cannot be started: .*No such file"):
            await kept.ready(5)


async def test_a_higher_layer_has_ended_before_a_lower_one_is_asked_to(home: Home) -> None:
    notes = """
import pathlib, signal, sys, time

def end(*_):
    asked = time.monotonic()
    time.sleep(0.3)
    pathlib.Path(f"{NAME}.txt").write_text(f"{asked} {time.monotonic()}")
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
"""
    async with Supervisor(home) as supervisor:
        for layer, name in enumerate(("postgres", "minio", "kafka")):
            supervisor.launch(python(f"NAME = {name!r}\n{notes}", name=name, layer=layer, cwd=home.path))
            await until(partial(said, home, name, "ready"))
    times = [
        [float(word) for word in (home.path / f"{name}.txt").read_text().split()]
        for name in ("kafka", "minio", "postgres")
    ]
    assert times == sorted(times)
    assert all(above[1] <= below[0] for above, below in itertools.pairwise(times))


async def test_a_child_deaf_to_its_signal_is_killed_when_patience_ends(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        kept = supervisor.launch(python(DEAF, cwd=home.path, patience=0.5))
        await until(partial(said, home, "child", "deaf"))
        began = time.monotonic()
    assert kept.pid is None
    assert 0.5 <= time.monotonic() - began < 5
    assert running_in(home.path) == []


async def test_a_stopped_child_is_woken_to_hear_that_it_shall_end(home: Home) -> None:
    tidy = f"import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); print('tidy', flush=True); {FOR_EVER}"
    async with Supervisor(home) as supervisor:
        kept = supervisor.launch(python(tidy, patience=30))
        await until(lambda: kept.pid is not None and said(home, "child", "tidy"))
        assert kept.pid
        os.kill(kept.pid, signal.SIGSTOP)
        began = time.monotonic()
    assert time.monotonic() - began < 5


async def test_what_a_child_leaves_behind_in_its_session_ends_with_it(home: Home) -> None:
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {FOR_EVER!r}]); {FOR_EVER}"
    async with Supervisor(home) as supervisor:
        kept = supervisor.launch(python(parent, cwd=home.path))
        await until(lambda: len(running_in(home.path)) == 2)
        assert kept.pid
        os.kill(kept.pid, signal.SIGKILL)
        orphan = next(one for one in running_in(home.path) if one.pid != kept.pid)
        await until(lambda: not orphan.is_running())


async def test_a_second_supervisor_of_a_home_is_refused_in_one_line(home: Home) -> None:
    async with Supervisor(home):
        with pytest.raises(CannotStart, match=rf"already running in .* \(pid {os.getpid()}\)") as refused:
            await Supervisor(home).__aenter__()
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2
    async with Supervisor(home):
        pass


@contextmanager
def another_supervisor(home: Home, source: str) -> Iterator[subprocess.Popen[bytes]]:
    """In a process of its own, with one child that runs `source`; killed at the end."""
    keep = f"""
import asyncio
from pathlib import Path
from deploy.local.home import Home
from deploy.local.supervisor import Supervisor
from tests.deploy.conftest import python

async def main():
    async with Supervisor(Home(Path({str(home.path)!r}))) as supervisor:
        supervisor.launch(python({source!r}, cwd=Path({str(home.path)!r})))
        await asyncio.sleep(600)

asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", keep])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_children_end_when_their_supervisor_is_killed(home: Home) -> None:
    with another_supervisor(home, FOR_EVER) as supervisor:
        await until(lambda: (home.run / "child.json").exists())
        child = psutil.Process(json.loads((home.run / "child.json").read_text())["pid"])
        supervisor.kill()
        await until(lambda: gone(child))


async def test_the_next_supervisor_ends_what_a_killed_one_left(home: Home) -> None:
    record = home.run / "child.json"
    with another_supervisor(home, DEAF) as killed:
        await until(lambda: record.exists() and said(home, "child", "deaf"))
        left = psutil.Process(json.loads(record.read_text())["pid"])
        killed.kill()
        killed.wait()
    assert left.is_running()
    assert reap(home, patience=0.5) == ["child"]
    assert running_in(home.path) == []
    told: list[str] = []
    async with Supervisor(home, told.append):
        assert told == []


async def test_the_next_supervisor_ends_what_outlived_a_killed_child(home: Home) -> None:
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {DEAF!r}]); {FOR_EVER}"
    record = home.run / "child.json"
    with another_supervisor(home, parent) as killed:
        await until(lambda: record.exists() and said(home, "child", "deaf"))
        child = psutil.Process(json.loads(record.read_text())["pid"])
        killed.kill()
        killed.wait()
        await until(lambda: gone(child))
    assert len(running_in(home.path)) == 1
    assert reap(home, patience=0.5) == ["child"]
    assert running_in(home.path) == []


async def test_a_stranger_who_got_a_leftovers_pid_is_left_alone(home: Home) -> None:
    home.prepare()
    stranger = await spawn(python(FOR_EVER), home)
    record = home.run / "child.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"created": time.time() - 3600}))
    assert reap(home) == []
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


def test_a_pid_file_cut_short_by_the_kill_is_passed_over(home: Home) -> None:
    home.prepare()
    (home.run / "child.json").write_text('{"pid": 1')
    assert reap(home) == []
    assert list(Path(home.run).glob("*.json")) == []
