"""Who may speak with whom, as the network policies have it together. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import yaml

from deploy.k8s.rendering import FOLDER
from tests.k8s.manifests import Manifests, Object, Workload, matches

Edge = tuple[str, str, int]
Network = IPv4Network | IPv6Network
OUTSIDE = {"framelog/gateway": "gateway", "framelog/infer": "infer-clients", "framelog/monitoring": "monitoring"}
KEDA = {"kubernetes.io/metadata.name": "keda"}
DNS = 53


def table() -> set[Edge]:
    """deploy/k8s/edges.yaml."""
    rows: Mapping[str, list[str]] = yaml.safe_load((FOLDER / "edges.yaml").read_text())
    return {
        (source, to, int(port)) for source, told in rows.items() for to, _, port in (x.partition(":") for x in told)
    }


def allowed(manifests: Manifests) -> set[Edge]:
    """Every edge: between pods where both ends allow it, to other networks, and from other namespaces."""
    return {*_between(manifests), *_outwards(manifests), *_inwards(manifests)}


def networks(manifests: Manifests, workload: Workload) -> Iterator[tuple[Network, list[Network]]]:
    """Where its pods may go beyond the cluster's own pods: each network, and what is taken out of it."""
    for rule in _rules(manifests, workload, "egress"):
        for peer in rule.get("to", ({"ipBlock": {"cidr": "0.0.0.0/0"}},)):
            if block := peer.get("ipBlock"):
                yield ip_network(block["cidr"]), [ip_network(one) for one in block.get("except", ())]


def open_to(found: Iterable[tuple[Network, list[Network]]], network: str) -> bool:
    """Whether any address of `network` can be reached by way of these."""
    wanted = ip_network(network)
    return any(_meets(block, wanted) and not _taken_out(block, wanted, without) for block, without in found)


def _meets(block: Network, wanted: Network) -> bool:
    return block.version == wanted.version and block.overlaps(wanted)


def _taken_out(block: Network, wanted: Network, without: list[Network]) -> bool:
    """Whether all that both have in common is taken out again."""
    common: Any = max(block, wanted, key=lambda one: one.prefixlen)
    return any(common.version == one.version and common.subnet_of(one) for one in without)


def _between(manifests: Manifests) -> Iterator[Edge]:
    for source in manifests.workloads:
        for target in manifests.workloads:
            out = _agreed(_rules(manifests, source, "egress"), "to", target, target)
            into = _agreed(_rules(manifests, target, "ingress"), "from", source, target)
            for port in out & into:
                yield source.component, target.component, port


def _outwards(manifests: Manifests) -> Iterator[Edge]:
    for source in manifests.workloads:
        for rule in _rules(manifests, source, "egress"):
            peers = {key for peer in rule.get("to", ()) for key in peer}
            for port in (one["port"] for one in rule["ports"]):
                if "ipBlock" in peers:
                    yield source.component, _named(rule, port), port
                if "namespaceSelector" in peers:
                    yield source.component, "another namespace", port


def _named(rule: Object, port: int) -> str:
    """The internet where its networks have public addresses; else which of the servers that are elsewhere."""
    public = any(peer["ipBlock"]["cidr"] in ("0.0.0.0/0", "2000::/3") for peer in rule["to"] if "ipBlock" in peer)
    return "internet" if public else {9092: "kafka", 443: "minio", 5432: "postgres"}.get(port, f"port {port}")


def _inwards(manifests: Manifests) -> Iterator[Edge]:
    for target in manifests.workloads:
        for rule in _rules(manifests, target, "ingress"):
            for peer in rule["from"]:
                labels = peer.get("namespaceSelector", {}).get("matchLabels")
                if labels:
                    source = "keda" if labels == KEDA else OUTSIDE[next(iter(labels))]
                    for port in _numbers(rule, target):
                        yield source, target.component, port


def _agreed(rules: Iterable[Object], side: str, peer: Workload, target: Workload) -> set[int]:
    """The target's ports that these rules allow with pods like `peer`."""
    return {port for rule in rules if any(_is_peer(one, peer) for one in rule[side]) for port in _numbers(rule, target)}


def _is_peer(told: Object, workload: Workload) -> bool:
    """In this namespace: rules about others are read elsewhere."""
    return "namespaceSelector" not in told and "podSelector" in told and matches(told["podSelector"], workload.labels)


def _numbers(rule: Mapping[str, Any], target: Workload) -> set[int]:
    asked = {target.number(one["port"]) for one in rule["ports"]}
    return {port for port in asked if port in target.ports.values()}


def _rules(manifests: Manifests, workload: Workload, way: str) -> Iterator[Object]:
    for policy in manifests.of("NetworkPolicy"):
        spec = policy["spec"]
        if way.capitalize() in spec["policyTypes"] and matches(spec["podSelector"], workload.labels):
            yield from spec.get(way, ())
