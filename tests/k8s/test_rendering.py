"""What kustomize makes of the folders."""

import subprocess

import pytest

from deploy.k8s.rendering import OVERLAYS, overlaid
from deploy.local.refusal import CannotStart
from tests.k8s.manifests import CLONE, Manifests

K8S = CLONE / "deploy/k8s"


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_rendered_the_same_each_time(name: str) -> None:
    assert overlaid(name) == overlaid(name)


def test_a_mistake_is_told_in_one_line() -> None:
    with pytest.raises(CannotStart, match="nowhere cannot be rendered: "):
        overlaid("nowhere")


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_holds_differences_only(name: str) -> None:
    text = (K8S / "overlays" / name / "kustomization.yaml").read_text()
    assert len(text.splitlines()) <= 24
    assert "kind: Deployment" not in text


def test_every_file_is_used() -> None:
    """Each is named by a kustomization beside it, or is a table or a program."""
    for path in sorted(K8S.rglob("*")):
        if path.suffix in (".yaml", ".env", ".sh", ".properties") and path.parent != K8S:
            beside = (path.parent / "kustomization.yaml").read_text()
            assert path.name == "kustomization.yaml" or path.name in beside, path


def test_a_kustomization_names_no_labels_that_selectors_would_not_have(overlay: Manifests) -> None:
    text = "".join(path.read_text() for path in K8S.rglob("kustomization.yaml"))
    assert "commonLabels" not in text
    assert overlay.objects


def test_the_start_of_a_broker_is_a_script_that_a_shell_can_read() -> None:
    script = K8S / "components/kafka/kafka/start.sh"
    assert subprocess.run(["sh", "-n", str(script)]).returncode == 0
