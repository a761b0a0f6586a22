"""The Dockerfile and compose.yaml, without an engine: what they name is there, and the same everywhere."""

import re
import tomllib
from importlib.util import find_spec
from typing import Any

import pytest
import yaml

from services.settings import table
from tests import servers
from tests.k8s.manifests import CLONE, Manifests, image_environment, stages
from tests.k8s.rules_names import EVERYWHERE, LISTENS, OTHERS_LISTEN
from tests.k8s.rules_settings import SECTIONS, _refused

COMPOSE: dict[str, Any] = yaml.safe_load((CLONE / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("framelog:")}
STAGES = {line.split()[-1]: [line, *rest] for line, *rest in stages()}
VERSION = tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]["version"]


def copied(stage: str) -> list[str]:
    lines = [line.split()[1:] for line in STAGES[stage] if line.startswith("COPY ")]
    return [path for words in lines if not words[0].startswith("--from") for path in words[:-1] if path[0] != "-"]


@pytest.mark.parametrize("stage", STAGES)
def test_what_the_image_copies_is_there_and_not_ignored(stage: str) -> None:
    ignored = (CLONE / ".dockerignore").read_text().splitlines()
    for path in copied(stage):
        assert (CLONE / path).exists(), path
        assert path not in ignored


def test_the_image_holds_every_package_of_ours() -> None:
    found = tomllib.loads((CLONE / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.removesuffix("*") for name in found} <= set(copied("build"))


def test_the_last_stage_runs_as_nobody_and_builds_nothing() -> None:
    last = STAGES["framelog"]
    assert [line for line in last if line.startswith("USER ")] == ["USER 10001:10001"]
    assert not [line for line in last if "pip install" in line or "apt-get" in line]
    assert any("pip uninstall" in line for line in last)
    assert any("--require-hashes -r requirements.lock" in line for line in STAGES["build"])


def test_every_image_is_started_from_a_fixed_tag() -> None:
    assert [line for line in STAGES["python"] if line.startswith("FROM ")] == [
        "FROM python:3.11.14-slim-trixie AS python"
    ]
    assert all(re.search(r":[^:]*\d", one["image"]) for one in SERVICES.values())


def test_the_version_is_the_same_everywhere(overlay: Manifests) -> None:
    assert f'image.version="{VERSION}"' in "".join(STAGES["framelog"])
    assert {one["image"] for one in OURS.values()} == {f"framelog:{VERSION}"}
    assert {one.container["image"].rpartition(":")[2] for one in overlay.ours} == {VERSION}


def test_the_servers_are_those_that_tests_run_in_containers(kind: Manifests) -> None:
    assert SERVICES["kafka"]["image"] == servers.KAFKA_IMAGE
    assert SERVICES["minio"]["image"] == servers.MINIO_IMAGE == kind.workload("minio").container["image"]
    assert SERVICES["postgres"]["image"] == servers.POSTGRES_IMAGE == kind.workload("postgres").container["image"]


def test_the_image_and_compose_tell_settings_that_there_are() -> None:
    assert set(image_environment()) <= set(table())
    for name, one in OURS.items():
        module = one["command"][0] if "entrypoint" not in one else f"framelog {one['command'][0]}"
        told = image_environment() | {
            key: re.sub(r"\$\{.*:-(.*)\}", r"\1", value) for key, value in one["environment"].items()
        }
        assert set(told) <= set(table()), name
        assert _refused(SECTIONS[module], told) == ""


@pytest.mark.parametrize("name", [name for name, one in OURS.items() if "entrypoint" not in one])
def test_a_process_of_compose_is_a_module(name: str) -> None:
    assert find_spec(OURS[name]["command"][0])


def test_compose_runs_what_make_run_runs(kind: Manifests) -> None:
    modules = {one["command"][0] for one in OURS.values() if "entrypoint" not in one}
    assert modules == {one.module for one in kind.ours if one.kind == "Deployment"} - {"services.analyzer.infer"}


def test_who_waits_for_the_health_of_another_waits_for_one_that_is_asked() -> None:
    for name, one in SERVICES.items():
        for other, how in one.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], f"{name} waits for {other}"
            if how["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"].startswith("on-failure")


@pytest.mark.parametrize("name", OURS)
def test_health_is_asked_where_the_process_answers(name: str) -> None:
    one = OURS[name]
    if "entrypoint" in one:
        assert one["healthcheck"] == {"disable": True}
        return
    (module,), asked = one["command"], one["healthcheck"]["test"][-1]
    told = {key: default for key, (default, _) in table().items()} | image_environment() | one["environment"]
    host, _, port = LISTENS.get(module, OTHERS_LISTEN).format(**told).rpartition(":")
    assert host in EVERYWHERE
    assert re.findall(r"127\.0\.0\.1:(\d+)", asked) == [port]
    assert {*re.findall(r"(/\w+)'", asked)} in ({"/readyz"}, {"/livez", "/readyz"})


def test_containers_may_do_little() -> None:
    for name, one in {**OURS, "proxy": SERVICES["proxy"]}.items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name


def test_only_this_machine_reaches_what_compose_publishes() -> None:
    published = [port for one in SERVICES.values() for port in one.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_proxy_asks_two_replicas_and_gives_up_a_connection_before_they_do() -> None:
    from adapters.http_server import KEEP_ALIVE_SECONDS

    text = (CLONE / "deploy/compose/nginx.conf").read_text()
    assert SERVICES["api"]["deploy"]["replicas"] == 2
    assert "server api:8000 resolve;" in text
    found = re.search(r"keepalive_timeout (\d+)s", text)
    assert found
    assert int(found[1]) < KEEP_ALIVE_SECONDS


def test_the_proxy_never_keeps_what_a_token_was_needed_for() -> None:
    text = (CLONE / "deploy/compose/nginx.conf").read_text()
    assert "proxy_no_cache $http_authorization;" in text
    assert "proxy_cache_bypass $http_authorization;" in text
    assert "ignore_headers" not in text
