"""What a Prometheus in a cluster is told: it finds each pod of ours, by the labels that the rules speak of."""

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from deploy.k8s.rendering import MONITORING, rendered
from deploy.monitoring.program import program
from tests.k8s.manifests import Manifests, Workload, read

(CONFIGURED,) = [one["data"] for one in read(rendered(MONITORING)) if one["metadata"]["name"] == "framelog-prometheus"]
CONFIG: dict[str, Any] = yaml.safe_load(CONFIGURED["prometheus.yml"])
(SCRAPED,) = CONFIG["scrape_configs"]
POD = "__meta_kubernetes_pod"


def targets(workload: Workload) -> dict[str, str] | None:
    """The labels that relabelling leaves of one of its pods; None where it is not kept."""
    labels = {"__address__": "10.0.0.7:1", f"{POD}_name": "one", f"{POD}_phase": "Running"}
    meta = {"annotation": workload.template["metadata"].get("annotations", {}), "label": workload.labels}
    for what, pairs in meta.items():
        labels |= {f"{POD}_{what}_{re.sub('[^A-Za-z0-9]', '_', key)}": value for key, value in pairs.items()}
    for step in SCRAPED["relabel_configs"]:
        value = ";".join(labels.get(name, "") for name in step["source_labels"])
        found = re.fullmatch(step.get("regex", "(.*)"), value)
        if step.get("action") == "keep":
            if not found:
                return None
        elif found:
            labels[step["target_label"]] = found.expand(re.sub(r"\$(\d)", r"\\\1", step.get("replacement", "$1")))
    return labels


def test_each_pod_of_ours_is_found_where_it_answers(overlay: Manifests) -> None:
    for workload in (one for one in overlay.ours if one.kind == "Deployment"):
        found = targets(workload)
        assert found, workload
        (port,) = workload.ports.values()
        assert (found["__address__"], found["__metrics_path__"]) == (f"10.0.0.7:{port}", "/metrics")
        assert (found["service"], found["instance"]) == (workload.component, "one")


def test_the_servers_pods_are_left_alone(kind: Manifests) -> None:
    assert [str(one) for one in kind.workloads if not one.ours and targets(one)] == []


def test_it_looks_where_we_are_and_calls_us_what_the_rules_do(overlay: Manifests) -> None:
    (discovered,) = SCRAPED["kubernetes_sd_configs"]
    assert set(discovered["namespaces"]["names"]) == overlay.names("Namespace")
    assert set(re.findall(r'job="(\w+)"', CONFIGURED["rules.yaml"])) == {SCRAPED["job_name"]}


def test_the_rules_it_loads_are_those_that_are_tested() -> None:
    assert CONFIG["rule_files"] == ["rules.yaml"]
    assert CONFIGURED["rules.yaml"] == Path(MONITORING, "rules.yaml").read_text()


def test_promtool_takes_all_of_it_but_how_pods_are_found(tmp_path: Path) -> None:
    """Debian's has been built without that."""
    job = {name: value for name, value in SCRAPED.items() if name != "kubernetes_sd_configs"}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({**CONFIG, "scrape_configs": [job]}))
    (tmp_path / "rules.yaml").write_text(CONFIGURED["rules.yaml"])
    command = [program("promtool"), "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
