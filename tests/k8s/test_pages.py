"""The pages about Kubernetes and containers name no setting, command, resource or page that there is not."""

import re
import shlex

import pytest

from cli.main import COMMANDS, load
from deploy.k8s.secrets import made
from services.settings import table
from tests.k8s.conftest import manifests
from tests.k8s.manifests import CLONE, COMPONENT, Manifests

DOCS = CLONE / "docs"
PAGES = {path.name: path.read_text() for path in (*sorted(DOCS.glob("kubernetes*.md")), DOCS / "containers.md")}
KUBERNETES, UPGRADE = PAGES["kubernetes.md"], PAGES["kubernetes-upgrade.md"]
ABOUT_CLUSTERS = [name for name in PAGES if name != "containers.md"]
FOLDERS = CLONE / "deploy/k8s"
VERBS = {"apply", "create", "delete", "describe", "exec", "get", "logs", "patch", "port", "rollout", "scale", "wait"}
KINDS = {"exec deploy": "Deployment", "deployment": "Deployment", "cronjob": "CronJob", "service": "Service"}


def commands(page: str) -> list[str]:
    return [line for line in PAGES[page].splitlines() if line.startswith("$") or "RUN" in line]


@pytest.mark.parametrize("page", PAGES)
def test_a_setting_that_is_named_is_there(page: str) -> None:
    assert set(re.findall(r"FRAMELOG_[A-Z0-9_]*[A-Z0-9]", PAGES[page])) <= set(table())


@pytest.mark.parametrize("page", PAGES)
def test_a_command_that_is_named_is_there(page: str) -> None:
    named = {found for line in commands(page) for found in re.findall(r"framelog (?!framelog|services)([a-z]+)", line)}
    assert named <= {*COMMANDS, *VERBS}


@pytest.mark.parametrize("page", PAGES)
def test_an_option_that_is_named_is_there(page: str) -> None:
    for command, rest in re.findall(r"-- framelog ([a-z]+)(.*)", "\n".join(commands(page))):
        assert options(shlex.split(rest)) <= known(command), f"{command}{rest}"
    for cronjob, added in re.findall(r"--from=cronjob/([a-z]+) .*command \+= \[(.*?)\]", PAGES[page]):
        words = manifests("kind").workload(cronjob).container["command"]
        assert options([*words[2:], *re.findall(r'"([^"]+)"', added)]) <= known(words[1]), cronjob


def options(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("--")}


def known(command: str) -> set[str]:
    return {option for parameter in load(command).params for option in parameter.opts}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_and_a_section_that_are_linked_are_there(page: str) -> None:
    for path, section in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", PAGES[page]):
        there = DOCS / (path or page)
        assert there.exists(), path
        assert not section or section in sections(there.read_text()), f"{path}#{section}"


def sections(text: str) -> set[str]:
    titles = [line.lstrip("# ").lower() for line in text.splitlines() if line[:1] == "#"]
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", ABOUT_CLUSTERS)
def test_what_kubectl_is_told_is_there(page: str, overlay: Manifests) -> None:
    for kind, name in re.findall(r"\b(exec deploy|deployment|cronjob|service)/([a-z-]+)", PAGES[page]):
        assert name in overlay.names(KINDS[kind]), f"{kind}/{name}"
    begun = set(re.findall(r"create job --from=\S+ (\S+)", PAGES[page]))
    assert set(re.findall(r"\bjobs?/([a-z0-9-]+)", PAGES[page])) <= overlay.names("Job") | begun


def test_the_upgrade_leaves_nobody_out(kind: Manifests) -> None:
    """Who is in no step of its own comes with the rest, the producers among them."""
    jobs, consumers = (set(names.split(",")) for names in re.findall(r"^\$ only (\S+)$", UPGRADE, re.MULTILINE))
    there = {one["metadata"].get("labels", {}).get(COMPONENT) for one in kind.objects}
    assert jobs | consumers <= there
    assert {one.component for one in kind.ours if one.kind == "Job"} <= jobs
    assert consumers - {"config"} == {one.component for one in kind.ours if one.kind == "Deployment"} - {"api", "infer"}


@pytest.mark.parametrize("page", [page for page in ABOUT_CLUSTERS if page != "kubernetes.md"])
def test_a_runbook_says_what_to_do_when_it_fails_and_how_to_go_back(page: str) -> None:
    assert {"when-it-fails", "go-back"} <= sections(PAGES[page])
    assert f"({page})" in KUBERNETES


def test_every_folder_has_its_line() -> None:
    for folder in (*(FOLDERS / "components").iterdir(), *(FOLDERS / "overlays").iterdir()):
        assert folder.name in KUBERNETES
    assert {"topics", "migrate", "operations", "config", "network"} <= set(re.findall(r"`base/(\w+)`", KUBERNETES))


def test_every_secret_that_one_makes_by_hand_is_told() -> None:
    for name in set(made()) - {"postgres"}:
        assert f"`{name}`" in KUBERNETES or f"generic {name}" in KUBERNETES
