"""Each process of the one-machine stack is told where to answer /metrics, and Prometheus where that is."""

import json
from pathlib import Path

from deploy.local.child import Program
from deploy.local.home import Home
from deploy.local.scrape import observed


def test_ports_differ_are_written_down_and_outlive_a_restart(tmp_path: Path) -> None:
    programs = [Program(name=name, command=["true"], cwd=tmp_path) for name in ("projector", "fetcher", "api")]
    first = observed(programs, "http://127.0.0.1:8000", Home(tmp_path))
    written = {one["labels"]["service"]: one["targets"] for one in json.loads((tmp_path / "scrape.json").read_text())}
    told = {one.name: one.environment.get("FRAMELOG_METRICS") for one in first}
    assert told["api"] is None
    assert written["api"] == ["127.0.0.1:8000"]
    assert len({told["projector"], told["fetcher"]}) == 2
    assert {name: [address] for name, address in told.items() if address} == {
        name: targets for name, targets in written.items() if name != "api"
    }
    assert observed(programs, "http://127.0.0.1:8000", Home(tmp_path)) == first


def test_a_file_that_somebody_has_spoilt_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "scrape.json").write_text("[{}, 1")
    observed([Program(name="projector", command=["true"], cwd=tmp_path)], "http://127.0.0.1:8000", Home(tmp_path))
    assert len(json.loads((tmp_path / "scrape.json").read_text())) == 2
