"""The policies, the table of edges and the code say the same."""

from collections.abc import Iterator

from adapters.outbound.addresses import BLOCKS
from tests.k8s.manifests import Manifests
from tests.k8s.reach import DNS, allowed, networks, open_to, table
from tests.k8s.rules_settings import asks_for

SERVERS = {"kafka": "kafka", "s3": "minio", "postgres": "postgres"}
LEAVE = {"fetcher", "notifier", "analyzer-captions"}
STRANGERS = {"fetcher", "notifier"}
"""Who calls addresses that users name."""
METADATA = tuple(block for block, what in BLOCKS.items() if what == "a cloud metadata address")


def everything_is_denied_first(manifests: Manifests) -> Iterator[str]:
    everywhere = [one["spec"] for one in manifests.of("NetworkPolicy") if not one["spec"]["podSelector"]]
    if not any(
        set(one["policyTypes"]) == {"Ingress", "Egress"} and not {"ingress", "egress"} & set(one) for one in everywhere
    ):
        yield "what no policy allows is allowed"


def policies_are_the_table(manifests: Manifests) -> Iterator[str]:
    """Both ways, for the components that this overlay has."""
    there = {workload.component for workload in manifests.workloads}
    found = {edge for edge in allowed(manifests) if edge[2] != DNS}
    external = {"kafka", "minio", "postgres"} - there
    told = {(source, to, port) for source, to, port in table() if _is_here(source, to, there, external)}
    if external:  # an object store elsewhere is asked over TLS
        found = {(source, to, 9000 if (to, port) == ("minio", 443) else port) for source, to, port in found}
    for source, to, port in sorted(found - told):
        yield f"{source} may reach {to}:{port}, which is not in the table"
    for source, to, port in sorted(told - found):
        yield f"{source} may not reach {to}:{port}, as the table says"


def _is_here(source: str, to: str, there: set[str], external: set[str]) -> bool:
    outside = {"gateway", "infer-clients", "keda", "monitoring"}
    reached = to in there or to == "internet" or (to in external and source in there)
    return reached and (source in there or source in outside)


def the_code_uses_every_edge(manifests: Manifests) -> Iterator[str]:
    """A process's source reads where a server is, if and only if the table lets it go there."""
    for component in {workload.component for workload in manifests.ours}:
        of_it = [one for one in manifests.ours if one.component == component]
        asked = {SERVERS[name] for one in of_it for name in asks_for(one) if name in SERVERS}
        edges = {to for source, to, _ in table() if source == component and to in SERVERS.values()}
        for to in sorted(asked - edges):
            yield f"{component} asks for {to}, where the table does not let it go"
        for to in sorted(edges - asked):
            yield f"{component} may go to {to}, and its code never does"


def few_leave_the_cluster(manifests: Manifests) -> Iterator[str]:
    """To public addresses alone where users name them; to metadata nobody."""
    for workload in manifests.workloads:
        found = list(networks(manifests, workload))
        public = [(block, without) for block, without in found if not block.is_private]
        if public and workload.component not in LEAVE:
            yield f"{workload} may leave the cluster"
        for block in (block for block in METADATA if open_to(found, block)):
            yield f"{workload} may ask {block} about the cloud"
        if workload.component in STRANGERS:  # the servers may be elsewhere, at private addresses of their own
            for block in (block for block in BLOCKS if open_to(public, block)):
                yield f"{workload} may reach {block}, {BLOCKS[block]}"


RULES = (
    everything_is_denied_first,
    policies_are_the_table,
    the_code_uses_every_edge,
    few_leave_the_cluster,
)
