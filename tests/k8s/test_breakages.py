"""Each rule sees what it is for: broken once, on a copy of the overlay that has everything."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.k8s import rules_life as life
from tests.k8s import rules_names as names
from tests.k8s import rules_network as network
from tests.k8s import rules_safety as safety
from tests.k8s import rules_settings as settings
from tests.k8s.manifests import Manifests, Object, template
from tests.k8s.rules_names import Rule
from tests.k8s.test_rules import RULES

Break = Callable[[Manifests], None]
GONE = object()


def change(what: str, path: str, to: Any = GONE) -> Break:
    """Sets what lies at `path` of `Kind/name`, takes it away, or adds to a list (`+`); a `~` stands for a slash.

    A workload has its `pod` and its `container` at hand.
    """

    def broken(manifests: Manifests) -> None:
        *way, last = path.split("/")
        within: Any = start(manifests.named(*what.split("/")), way)
        for step in way:
            within = within[int(step)] if isinstance(within, list) else within.setdefault(step.replace("~", "/"), {})
        put(within, last.replace("~", "/"), to)

    return broken


def start(one: Object, way: list[str]) -> Any:
    """Where the way begins, its first step taken off it where that is one to pods."""
    first = way.pop(0) if way and way[0] in ("pod", "container") else ""
    if not first:
        return one
    pod = template(one)["spec"]
    return pod if first == "pod" else pod["containers"][0]


def put(within: Any, last: str, to: Any) -> None:
    key: Any = int(last) if isinstance(within, list) and last != "+" else last
    if to is GONE:
        del within[key]
    elif last == "+":
        within.append(to)
    else:
        within[key] = to


def config(name: str, to: Any = GONE) -> Break:
    """Sets a variable that all are told, or takes it away."""
    return lambda manifests: put(next(one for one in datas(manifests) if "FRAMELOG_LOG_LEVEL" in one), name, to)


def kafka(line: str, to: str) -> Break:
    def broken(manifests: Manifests) -> None:
        told = next(one for one in datas(manifests) if "server.properties" in one)
        told["server.properties"] = told["server.properties"].replace(line, to)

    return broken


def datas(manifests: Manifests) -> list[Object]:
    return [one["data"] for one in manifests.of("ConfigMap")]


def env(name: str, variable: str, value: str | None = None) -> Break:
    """Sets a variable of one workload, or takes it away."""

    def broken(manifests: Manifests) -> None:
        container = manifests.workload(name).container
        told = [one for one in container.get("env", ()) if one["name"] != variable]
        container["env"] = told if value is None else [*told, {"name": variable, "value": value}]

    return broken


def without(what: str) -> Break:
    return lambda manifests: manifests.objects.remove(manifests.named(*what.split("/")))


def another(made: Object) -> Break:
    return lambda manifests: manifests.objects.append(made)


ANNOTATIONS, ENFORCE = "spec/template/metadata/annotations", "pod-security.kubernetes.io~enforce"
GRACE, TRIGGER = "pod/terminationGracePeriodSeconds", "spec/triggers/0/metadata"
POLICY = "spec/jobTemplate/spec/podFailurePolicy/rules"
CLIENTS, EXCEPT = "spec/podSelector/matchExpressions/0/values", "spec/egress/0/to/0/ipBlock/except"
DATABASE = {"secretRef": {"name": "database"}}
SECRET = {"kind": "Secret", "metadata": {"name": "s3", "namespace": "framelog"}}
INTERNET = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]}
NAMESPACES = {"to": [{"namespaceSelector": {}}], "ports": [{"port": 4318}]}
BREAKAGES: dict[Rule, list[tuple[Break, str]]] = {
    names.selectors_hit: [
        (change("Service/api", "spec/selector/app", "web"), "Service api selects nothing"),
        (change("PodDisruptionBudget/infer", "spec/selector/matchLabels", {}), "PodDisruptionBudget infer selects"),
        (change("Deployment/fetcher", "spec/selector/matchLabels/app", "web"), "does not select its own pods"),
        (
            change("NetworkPolicy/to-kafka", "spec/egress/0/to/0/podSelector/matchLabels/a", "b"),
            "a peer, selects nothing",
        ),
        (change("Deployment/api", "pod/topologySpreadConstraints/0/matchLabelKeys", ["app"]), "to be spread"),
    ],
    names.targets_exist: [
        (change("ScaledObject/analyzer", "spec/scaleTargetRef/name", "analyser"), "scales analyser"),
        (change("HTTPRoute/api", "spec/rules/0/backendRefs/0/port", 80), "leads to api:80"),
        (change("HTTPRoute/api", "spec/parentRefs/0/sectionName", "tls"), "hangs on tls"),
    ],
    names.ports_are_listened_on: [
        (change("Deployment/api", "container/ports/0/containerPort", 8080), "8080, where nobody listens"),
        (config("FRAMELOG_PORT", "8001"), "8000, where nobody listens"),
        (config("FRAMELOG_METRICS", "127.0.0.1:9100"), "Deployment projector has port 9100, where nobody listens"),
        (change("Deployment/fetcher", "container/ports"), "fetcher listens at 9100, which is no port"),
    ],
    names.services_and_probes_name_ports: [
        (change("Service/infer", "spec/ports/0/targetPort", "web"), "has no port web"),
        (change("StatefulSet/kafka", "container/readinessProbe/tcpSocket/port", "client"), "asks port client"),
    ],
    names.probe_paths_are_routes: [
        (change("Deployment/api", "container/readinessProbe/httpGet/path", "/ready"), "/ready, which is no route"),
        (change("Deployment/infer", "container/livenessProbe/httpGet/path", "/readyz"), "more than whether it lives"),
        (change("Deployment/notifier", "container/readinessProbe/httpGet/path", "/ready"), "/ready, which is no route"),
    ],
    names.what_runs_is_scraped: [
        (change("Deployment/projector", f"{ANNOTATIONS}/prometheus.io~scrape"), "projector is not scraped"),
        (change("Deployment/analyzer", f"{ANNOTATIONS}/prometheus.io~port", "9101"), "is scraped at 9101"),
        (change("Deployment/fetcher", f"{ANNOTATIONS}/prometheus.io~path", "/varz"), "is scraped at /varz"),
    ],
    names.accounts_are_their_own: [
        (change("Deployment/api", "pod/serviceAccountName", "infer"), "is shared by ['api', 'infer']"),
        (without("ServiceAccount/kafka"), "there is no service account kafka"),
    ],
    names.config_exists: [
        (change("Deployment/api", "container/envFrom/0/configMapRef/name", "framelog"), "no configMap framelog"),
        (change("StatefulSet/minio", "container/env/0/valueFrom/secretKeyRef/key", "user"), "has no key user"),
        (change("TriggerAuthentication/kafka", "spec/secretTargetRef/2/key", "name"), "the key name of secret keda"),
        (change("Deployment/api", "container/volumeMounts/3/subPath", "admin.json"), "has no key admin.json"),
    ],
    names.volumes_are_mounted: [
        (change("Deployment/fetcher", "pod/volumes/0/name", "scratch"), "volume scratch is not mounted"),
    ],
    settings.variables_are_known: [
        (config("FRAMELOG_KAFKAS", "kafka:9092"), "FRAMELOG_KAFKAS, which is no setting"),
        (env("projector", "FRAMELOG_REBUILD_PROCESSES", "two"), "FRAMELOG_REBUILD_PROCESSES: Input should be"),
    ],
    settings.required_settings_are_supplied: [
        (change("Deployment/api", "container/envFrom/1"), "Deployment api is not told FRAMELOG_KAFKA"),
        (config("FRAMELOG_KEYS"), "Deployment notifier is not told FRAMELOG_KEYS"),
        (config("FRAMELOG_METRICS"), "Deployment projector is not told FRAMELOG_METRICS"),
        (change("Job/topics", "container/envFrom/2"), "Job topics is not told FRAMELOG_S3_ACCESS_KEY"),
    ],
    settings.only_what_is_asked_for_is_told: [
        (change("Deployment/analyzer", "container/envFrom/+", DATABASE), "the Secret database"),
        (change("Deployment/infer", "container/envFrom/+", {"secretRef": {"name": "kafka"}}), "the Secret kafka"),
    ],
    settings.groups_are_run: [
        (env("analyzer-models", "FRAMELOG_GROUP", "core"), "analyzers run ['core', 'network']"),
    ],
    settings.service_links_are_off: [
        (change("StatefulSet/minio", "pod/enableServiceLinks"), "told of every Service"),
    ],
    safety.the_namespace_is_restricted: [
        (change("Namespace/framelog", f"metadata/labels/{ENFORCE}", "baseline"), "does not enforce"),
        (change("Service/api", "metadata/namespace", "default"), "in no namespace of ours"),
    ],
    safety.no_token_is_mounted: [
        (change("CronJob/rebuild", "pod/automountServiceAccountToken"), "CronJob rebuild mounts a token"),
        (change("ServiceAccount/api", "automountServiceAccountToken", True), "account api mounts"),
    ],
    safety.pods_are_restricted: [
        (change("Job/topics", "pod/securityContext/runAsNonRoot", False), "may run as root"),
        (change("StatefulSet/postgres", "pod/securityContext/seccompProfile"), "no seccomp profile"),
        (change("StatefulSet/kafka", "container/securityContext/privileged", True), "may gain privileges"),
        (change("Deployment/api", "container/securityContext/capabilities/drop/0", "NET_RAW"), "keeps capabilities"),
        (change("Deployment/api", "container/securityContext/readOnlyRootFilesystem"), "write to its root"),
        (change("Deployment/api", "pod/hostNetwork", True), "shares the host's"),
        (change("Deployment/api", "container/ports/0/hostPort", 80), "takes a port of the host"),
        (change("Deployment/api", "pod/volumes/0/hostPath", {"path": "/"}), "a volume of ['hostPath']"),
    ],
    safety.images_have_fixed_tags: [
        (change("StatefulSet/minio", "container/image", "minio/minio:latest"), "minio:latest may change"),
        (change("Deployment/api", "container/image", "framelog:0.2.0"), "of one image"),
    ],
    safety.secrets_are_references: [
        (another(SECRET), "Secret s3 is among the manifests"),
        (config("FRAMELOG_S3_SECRET_KEY", "x"), "holds FRAMELOG_S3_SECRET_KEY"),
        (config("FRAMELOG_KAFKA", "sasl_ssl://"), "holds FRAMELOG_KAFKA"),
        (env("api", "FRAMELOG_POSTGRES", "postgresql://"), "FRAMELOG_POSTGRES in clear"),
    ],
    life.memory_adds_up: [
        (env("analyzer", "FRAMELOG_ANALYZER_CHILDREN", "3"), "Deployment analyzer may come to 5120 MiB"),
        (env("analyzer", "FRAMELOG_ANALYZER_CHILDREN"), "Deployment analyzer may come to"),
        (env("analyzer-models", "FRAMELOG_ANALYZER_CHILDREN", "2"), "analyzer-models may come to 5632"),
        (change("Deployment/api", "container/resources/limits/memory", "512Mi"), "Deployment api may come to"),
        (change("CronJob/rebuild", "container/resources/limits/memory", "768Mi"), "CronJob rebuild may come to"),
    ],
    life.resources_are_named: [
        (change("Deployment/fetcher", "container/resources/limits"), "does not say what it needs"),
        (change("Deployment/fetcher", "container/resources/requests/memory", "1Gi"), "asks for more"),
        (change("Deployment/projector", "pod/volumes/1/emptyDir/sizeLimit"), "volume home has no limit"),
    ],
    life.grace_outlasts_the_longest_job: [
        (change("Deployment/fetcher", GRACE), "may take 60 s to stop, and has 30"),
        (change("Deployment/analyzer-captions", GRACE, 45), "may take 60 s"),
        (change("Deployment/api", "container/lifecycle"), "stops listening before"),
    ],
    life.drains_leave_some: [
        (without("PodDisruptionBudget/projector"), "Deployment projector has 0 budgets"),
        (change("PodDisruptionBudget/kafka", "spec/maxUnavailable", 2), "StatefulSet kafka has 1 budgets"),
        (change("Deployment/api", "pod/topologySpreadConstraints"), "not spread over nodes"),
    ],
    life.updates_keep_serving: [
        (change("Deployment/infer", "container/startupProbe"), "infer has not all of its probes"),
        (change("Deployment/analyzer-models", "container/livenessProbe"), "analyzer-models has not all of its probes"),
        (change("Deployment/projector", "spec/progressDeadlineSeconds"), "projector counts as stuck after 600 s"),
        (change("Deployment/projector", "spec/strategy"), "projector is less than it was"),
    ],
    life.jobs_are_tried_again_where_that_helps: [
        (change("CronJob/verify", f"{POLICY}/1/onExitCodes/values/0"), "verify is tried again after it has found"),
        (change("Job/migrate", "spec/podFailurePolicy"), "migrate is given up at []"),
        (change("Job/topics", "spec/podFailurePolicy/rules/0/onExitCodes/values/+", 3), "topics is given up at [2, 3]"),
    ],
    life.scaling_fits_the_partitions: [
        (change("Deployment/fetcher", "spec/replicas", 13), "13 replicas for 12"),
        (change("Deployment/api", "spec/replicas", 2), "api is scaled, and says"),
        (change("ScaledObject/analyzer", "spec/maxReplicaCount", 24), "may be 24 for 12"),
        (change("ScaledObject/analyzer", f"{TRIGGER}/consumerGroup", "core"), "by the group core"),
        (change("ScaledObject/analyzer", f"{TRIGGER}/bootstrapServersFromEnv", "KAFKA"), "no KAFKA"),
        (change("ScaledObject/analyzer", "spec/triggers/1/authenticationRef/name", "sasl"), "no sasl to sign in by"),
    ],
    life.copies_survive_a_broker: [
        (change("Job/topics", "container/command/2", "--replication=1"), "topics have 1 copies"),
        (change("StatefulSet/kafka", "spec/replicas", 2), "2 brokers do not keep 3 copies"),
        (kafka("min.insync.replicas=2", "min.insync.replicas=1"), "by fewer than two"),
        (kafka("offsets.topic.replication.factor=3", "offsets.topic.replication.factor=1"), "fewer copies"),
        (change("StatefulSet/kafka", "container/image", "apache/kafka:4.1.0"), "not the Kafka that"),
    ],
    network.everything_is_denied_first: [
        (without("NetworkPolicy/default-deny"), "what no policy allows"),
    ],
    network.policies_are_the_table: [
        (change("NetworkPolicy/to-postgres", f"{CLIENTS}/+", "infer"), "infer may reach postgres:5432"),
        (change("NetworkPolicy/to-minio", f"{CLIENTS}/0", "nobody"), "api may not reach minio:9000"),
        (without("NetworkPolicy/api-from-operations"), "operations may not reach api:8000"),
        (change("NetworkPolicy/to-minio", "spec/egress/0/ports/0/port", 9001), "not reach minio:9000"),
        (change("NetworkPolicy/kafka", "spec/ingress/0/from/1"), "keda may not reach kafka:9092"),
        (change("NetworkPolicy/to-kafka", "spec/egress/+", NAMESPACES), "api may reach another namespace:4318"),
        (change("NetworkPolicy/monitoring-to-metrics", f"{CLIENTS}/2"), "monitoring may not reach projector:9100"),
    ],
    network.few_leave_the_cluster: [
        (change("NetworkPolicy/to-kafka", "spec/egress/+", INTERNET), "Deployment api may leave"),
        (change("NetworkPolicy/captions", f"{EXCEPT}/2"), "may ask 169.254.169.254/32"),
        (change("NetworkPolicy/internet", f"{EXCEPT}/1"), "may reach 10.0.0.0/8"),
    ],
}
EACH = [(rule, broken, said) for rule, some in BREAKAGES.items() for broken, said in some]


@pytest.mark.parametrize(("rule", "broken", "said"), EACH, ids=[f"{rule.__name__}: {said}" for rule, _, said in EACH])
def test_a_rule_sees_what_is_broken(kind: Manifests, rule: Rule, broken: Break, said: str) -> None:
    broken(kind)
    assert [wrong for wrong in rule(kind) if said in wrong]


def test_the_code_and_the_table_are_held_to_each_other(kind: Manifests, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {edge for edge in network.table() if edge[:2] != ("projector", "kafka")} | {("infer", "minio", 9000)}
    monkeypatch.setattr(network, "table", lambda: told)
    assert sorted(network.the_code_uses_every_edge(kind)) == [
        "infer may go to minio, and its code never does",
        "projector asks for kafka, where the table does not let it go",
    ]


def test_every_rule_is_broken_once() -> None:
    assert {*BREAKAGES, network.the_code_uses_every_edge} == set(RULES)
