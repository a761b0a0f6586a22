"""docs/kubernetes.md and docs/containers.md name no setting, command, component or page that there is not."""

import re

import pytest

from cli.main import COMMANDS
from deploy.k8s.secrets import made
from services.settings import table
from tests.k8s.manifests import CLONE, COMPONENT, Manifests

PAGES = {name: (CLONE / "docs" / name).read_text() for name in ("kubernetes.md", "containers.md")}
KUBERNETES = PAGES["kubernetes.md"]
FOLDERS = CLONE / "deploy/k8s"


@pytest.mark.parametrize("page", PAGES)
def test_a_setting_that_is_named_is_there(page: str) -> None:
    assert set(re.findall(r"FRAMELOG_[A-Z0-9_]*[A-Z0-9]", PAGES[page])) <= set(table())


@pytest.mark.parametrize("page", PAGES)
def test_a_command_that_is_named_is_there(page: str) -> None:
    lines = [line for line in PAGES[page].splitlines() if line.startswith("$") or "RUN" in line]
    named = {found for line in lines for found in re.findall(r"framelog (?!framelog|services)([a-z]+)", line)}
    assert named <= {*COMMANDS, "create", "delete", "exec", "get", "logs", "port", "rollout", "wait"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_linked_is_there(page: str) -> None:
    for path in re.findall(r"\]\(([^)#:]+)\)", PAGES[page]):
        assert (CLONE / "docs" / path).exists(), path


@pytest.mark.parametrize("page", PAGES)
def test_a_section_that_is_linked_is_there(page: str) -> None:
    titles = {line.lstrip("# ").lower().replace(" ", "-") for line in PAGES[page].splitlines() if line[:1] == "#"}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGES[page])) <= titles


def test_what_kubectl_is_told_is_there(overlay: Manifests) -> None:
    for kind in ("Deployment", "CronJob", "Job"):
        named = re.findall(rf"\b{kind.lower()}/([a-z-]+)", KUBERNETES) if kind != "Job" else ["topics", "migrate"]
        assert {name for name in named if not name.endswith("-")} <= overlay.names(kind)


def test_an_upgrade_leaves_no_consumer_out(overlay: Manifests) -> None:
    selected = {name for line in re.findall(r"^\$ only (\S+)$", KUBERNETES, re.MULTILINE) for name in line.split(",")}
    there = {one["metadata"].get("labels", {}).get(COMPONENT) for one in overlay.objects}
    assert selected <= there
    consumers = {one.component for one in overlay.ours if one.kind == "Deployment"} - {"api", "infer"}
    assert consumers - {"analyzer-captions"} <= selected


def test_every_folder_has_its_line() -> None:
    for folder in (*(FOLDERS / "components").iterdir(), *(FOLDERS / "overlays").iterdir()):
        assert folder.name in KUBERNETES
    assert {"topics", "migrate", "operations", "config", "network"} <= set(re.findall(r"`base/(\w+)`", KUBERNETES))


def test_every_secret_that_one_makes_by_hand_is_told() -> None:
    for name in set(made()) - {"postgres"}:
        assert f"`{name}`" in KUBERNETES or f"generic {name}" in KUBERNETES
