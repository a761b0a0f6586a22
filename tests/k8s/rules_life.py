"""Pods have what they need, come and go in order, and are as many as there is work for."""

from collections.abc import Callable, Iterator

from adapters.groups import analyzer_group
from adapters.http_server import DRAIN_SECONDS
from adapters.log import Names
from adapters.stream import Pace
from cli.errors import FOUND_A_DIFFERENCE, SOMETHING_IS_DOWN, WRONG_USE
from contracts.topics import TOPICS
from deploy.local.artifacts import KAFKA_VERSION
from services import api
from services.analyzer.infer import __main__ as infer
from services.ingest import passwords
from services.projector import __main__ as projector
from services.settings import Analyzer, Api, Fetcher, Groups, Infer, Notifier, Projector
from tests.k8s.manifests import Manifests, Workload, matches

MIB = 1024 * 1024
UNITS = {"Ki": 1024, "Mi": MIB, "Gi": 1024 * MIB}
PYTHON = 256 * MIB
"""What a process of ours takes at rest, rounded up."""
FEEDER = 512 * MIB
"""What the parent of decoders takes, with pictures on their way."""
PASSWORD = 64 * MIB
FOLDER = 128 * MIB
"""What a process of a build takes beside its share."""
SERVING = ("services.api", "services.analyzer.infer")
BUILDING = ("services.api", "services.projector")
"""Whose new pods may wait for a read model to be built."""
BUILD_SECONDS = 3 * 3600
"""What that may take: 200 million events, as fast as docs/benchmarks.md has it."""
PROBES = {"startupProbe", "readinessProbe", "livenessProbe"}
PARTITIONS = {topic.name: topic.partitions for topic in TOPICS}


def size(text: str) -> int:
    """Bytes."""
    return int(text[:-2]) * UNITS[text[-2:]]


def _of(workload: Workload, told: dict[str, str], name: str, default: int | float) -> float:
    return float(told.get(f"FRAMELOG_{name.upper()}", default))


def memory_adds_up(manifests: Manifests) -> Iterator[str]:
    """A limit is what its process may come to: decoders by their RLIMIT_AS, buffers by their budgets."""
    for workload in manifests.ours:
        needed, limit = _needed(manifests, workload), size(workload.container["resources"]["limits"]["memory"])
        if limit < needed:
            yield f"{workload} may come to {needed // MIB} MiB, and has {limit // MIB}"


def _needed(manifests: Manifests, workload: Workload) -> int:
    told = manifests.environment(workload)
    count: dict[str, Callable[[dict[str, str]], float]] = {
        "services.api": lambda _: Api().upload_budget_bytes + api.MOST_HELD_BACK + passwords.AT_ONCE * PASSWORD,
        "services.ingest.fetcher": lambda _: Fetcher().fetch_budget_bytes,
        "services.analyzer": lambda told: FEEDER - PYTHON + _decoders(told, _algorithms(told)),
        "services.analyzer.infer": lambda told: FEEDER - PYTHON + _inferring(told),
        "services.projector": _building,
        "framelog rebuild": _building,
        "framelog verify": _building,
    }
    return int(PYTHON + count.get(workload.module, lambda _: 0)(told))


def _algorithms(told: dict[str, str]) -> tuple[str, ...]:
    groups = Groups._grouped(told["FRAMELOG_ALGORITHM_GROUPS"])
    assert isinstance(groups, dict)
    found: tuple[str, ...] = groups[told.get("FRAMELOG_GROUP", "core")]
    return found


def _decoders(told: dict[str, str], algorithms: tuple[str, ...]) -> float:
    children = int(told.get("FRAMELOG_ANALYZER_CHILDREN", 0)) or 64  # unset: as many as the node has cores
    return children * Analyzer().memory(algorithms)


def _inferring(told: dict[str, str]) -> float:
    children = int(told.get("FRAMELOG_ANALYZER_CHILDREN", 0)) or 64
    return _decoders(told, ("classification",)) + infer.WAITING * children * Infer().max_upload_bytes


def _building(told: dict[str, str]) -> float:
    processes = int(told.get("FRAMELOG_REBUILD_PROCESSES", 0)) or 64
    return Projector().rebuild_memory_bytes + processes * FOLDER


def resources_are_named(manifests: Manifests) -> Iterator[str]:
    """Requests, and a limit of memory that is no less. No limit of CPU: what is idle may be used."""
    for workload in manifests.workloads:
        asked = workload.container.get("resources", {})
        requests, limits = asked.get("requests", {}), asked.get("limits", {})
        if {"cpu", "memory"} - set(requests) or "memory" not in limits:
            yield f"{workload} does not say what it needs"
        elif size(requests["memory"]) > size(limits["memory"]):
            yield f"{workload} asks for more memory than it may have"
        for volume in workload.pod.get("volumes", ()):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{workload}: volume {volume['name']} has no limit"


def grace_outlasts_the_longest_job(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.ours:
        if workload.kind == "Deployment":
            sleep = workload.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            given, needed = workload.pod.get("terminationGracePeriodSeconds", 30), sleep + _longest(manifests, workload)
            if given <= needed:
                yield f"{workload} may take {needed:g} s to stop, and has {given}"
            if workload.module in SERVING and not sleep:
                yield f"{workload} stops listening before anybody has heard that it goes"


def _longest(manifests: Manifests, workload: Workload) -> float:
    """Seconds that one piece of its work may take, or that it takes to stop."""
    told = manifests.environment(workload)
    captions = Analyzer().caption_seconds if told.get("FRAMELOG_GROUP") == "network" else 0
    stopping = Pace().grace + Pace().closing
    return {
        "services.api": DRAIN_SECONDS,
        "services.analyzer.infer": max(DRAIN_SECONDS, Infer().decode_seconds),
        "services.ingest.fetcher": max(stopping, Fetcher().fetch_seconds),
        "services.analyzer": max(stopping, Analyzer().decode_seconds, captions),
        "services.notifier": Notifier().callback_seconds,
        "services.projector": projector.GRACE_SECONDS,
    }[workload.module]


def drains_leave_some(manifests: Manifests) -> Iterator[str]:
    """Each Deployment of ours, and Kafka, has one budget, which lets one pod go at a time."""
    for workload in manifests.workloads:
        if workload.kind == "Deployment" or workload.name == "kafka":
            budgets = [
                one["spec"]
                for one in manifests.of("PodDisruptionBudget")
                if matches(one["spec"]["selector"], workload.labels)
            ]
            if [one.get("maxUnavailable") for one in budgets] != [1]:
                yield f"{workload} has {len(budgets)} budgets that let one pod go at a time"
        if workload.kind in ("Deployment", "StatefulSet") and not workload.pod.get("topologySpreadConstraints"):
            yield f"{workload} is not spread over nodes"


def updates_keep_serving(manifests: Manifests) -> Iterator[str]:
    """What runs on has all its probes. What is asked, and the projector, get a new pod before an old one goes, and are
    given the time to build a read model first."""
    for workload in (one for one in manifests.ours if one.kind == "Deployment"):
        if not set(workload.container) >= PROBES:
            yield f"{workload} has not all of its probes"
        given = workload.object["spec"].get("progressDeadlineSeconds", 600)
        if workload.module in BUILDING and given < BUILD_SECONDS:
            yield f"{workload} counts as stuck after {given} s, while a read model is built"
        rolling = workload.object["spec"].get("strategy", {}).get("rollingUpdate", {})
        if workload.module in (*SERVING, "services.projector") and rolling.get("maxUnavailable") != 0:
            yield f"{workload} is less than it was while it is updated"


def scaling_fits_the_partitions(manifests: Manifests) -> Iterator[str]:
    """No more members of a group than partitions; who scales, and nobody else, says how many there are."""
    most = max(PARTITIONS.values())
    for workload in manifests.ours:
        if workload.kind == "Deployment" and workload.replicas > most:
            yield f"{workload} has {workload.replicas} replicas for {most} partitions"
    for one in manifests.of("ScaledObject", "HorizontalPodAutoscaler"):
        scaled = manifests.named("Deployment", one["spec"]["scaleTargetRef"]["name"])
        if "replicas" in scaled["spec"]:
            yield f"{scaled['metadata']['name']} is scaled, and says how many there are"
    for one in manifests.of("ScaledObject"):
        yield from _scaled(manifests, one["metadata"]["name"], one["spec"])


def _scaled(manifests: Manifests, name: str, spec: dict[str, object]) -> Iterator[str]:
    workload = manifests.workload(name)
    told = manifests.environment(workload)
    for trigger in spec["triggers"]:  # type: ignore[attr-defined]
        asked = trigger["metadata"]
        if asked["consumerGroup"] != analyzer_group(Names(""), told["FRAMELOG_GROUP"]):
            yield f"{name} is scaled by the group {asked['consumerGroup']}"
        if spec["maxReplicaCount"] > PARTITIONS.get(asked["topic"], 0):  # type: ignore[operator]
            yield f"{name} may be {spec['maxReplicaCount']} for {PARTITIONS.get(asked['topic'], 0)} of {asked['topic']}"
        if asked["bootstrapServersFromEnv"] not in told:
            yield f"{name}: KEDA finds no {asked['bootstrapServersFromEnv']}"
        if trigger["authenticationRef"]["name"] not in manifests.names("TriggerAuthentication"):
            yield f"{name}: KEDA finds no {trigger['authenticationRef']['name']} to sign in by"


def copies_survive_a_broker(manifests: Manifests) -> Iterator[str]:
    """As many copies as the topics are made with, and one broker less still takes writes."""
    copies = int(manifests.workload("topics").container["command"][2].removeprefix("--replication="))
    if copies < 3:
        yield f"topics have {copies} copies"
    for kafka in (one for one in manifests.workloads if one.name == "kafka"):
        name = next(one["configMap"]["name"] for one in kafka.pod["volumes"] if "configMap" in one)
        told = dict(line.partition("=")[::2] for line in manifests.config(name)["server.properties"].splitlines())
        if kafka.replicas < copies or len(told["controller.quorum.voters"].split(",")) != kafka.replicas:
            yield f"{kafka.replicas} brokers do not keep {copies} copies, or elect a controller"
        if told["min.insync.replicas"] != "2" or told["auto.create.topics.enable"] != "false":
            yield "a write is acknowledged by fewer than two, or a topic is made by accident"
        if any(told[f"{of}.replication.factor"] != str(copies) for of in ("default", "offsets.topic")):
            yield "Kafka's own topics have fewer copies"
        if kafka.container["image"] != f"apache/kafka:{KAFKA_VERSION}":
            yield f"{kafka.container['image']} is not the Kafka that everything is tried with"


def jobs_are_tried_again_where_that_helps(manifests: Manifests) -> Iterator[str]:
    """After a kill, and while something is down; not after what they found, which a second try may not find."""
    for workload in manifests.ours:
        if workload.kind in ("Job", "CronJob"):
            final = _final(workload)
            if SOMETHING_IS_DOWN in final or WRONG_USE not in final:
                yield f"{workload} is given up at {sorted(final)}: {SOMETHING_IS_DOWN} passes, {WRONG_USE} does not"
            if workload.kind == "CronJob" and FOUND_A_DIFFERENCE not in final:
                yield f"{workload} is tried again after it has found something"


def _final(workload: Workload) -> set[int]:
    """The exit codes after which its Job has failed."""
    spec = workload.object["spec"]
    job = spec["jobTemplate"]["spec"] if workload.kind == "CronJob" else spec
    rules = job.get("podFailurePolicy", {}).get("rules", ())
    failing = [one["onExitCodes"] for one in rules if one["action"] == "FailJob"]
    return {code for one in failing if one["operator"] == "In" for code in one["values"]}


RULES = (
    memory_adds_up,
    resources_are_named,
    grace_outlasts_the_longest_job,
    drains_leave_some,
    updates_keep_serving,
    jobs_are_tried_again_where_that_helps,
    scaling_fits_the_partitions,
    copies_survive_a_broker,
)
