"""The Secrets that are made fit the API that reads them."""

import json
import subprocess
import sys
from pathlib import Path

from adapters import keys
from adapters.kafka import parsed
from deploy.k8s import secrets
from services.api import _whereabouts
from services.settings import Api
from tests.k8s.manifests import CLONE, SECRETS, Manifests, image_environment


def test_the_keys_can_be_read(tmp_path: Path) -> None:
    (path := tmp_path / keys.FILE).write_text(secrets.made()["house"][keys.FILE])
    assert keys.load(path)


def test_the_api_finds_its_own_address_in_the_credentials_and_leaves_them_alone() -> None:
    told = image_environment()
    *_, url = _whereabouts(Api(host=told["FRAMELOG_HOST"]))
    assert json.loads(secrets.made()["admin"]["credentials.json"])["url"] == url


def test_jobs_sign_in_at_the_service_as_the_same_admin(kind: Manifests) -> None:
    own, remote = (json.loads(text) for text in secrets.made()["admin"].values())
    (port,) = kind.named("Service", "api")["spec"]["ports"]
    assert remote["url"] == f"http://api:{port['port']}"
    assert {**own, "url": remote["url"]} == remote


def test_one_password_opens_both_sides() -> None:
    made = secrets.made()
    own, remote = (json.loads(text)["password"] for text in made["admin"].values())
    assert own == remote
    assert f":{made['postgres']['password']}@postgres:" in made["database"]["FRAMELOG_POSTGRES"]


def test_kafka_is_where_its_service_is_and_keda_is_told_the_same(kind: Manifests) -> None:
    service, made = kind.named("Service", "kafka"), secrets.made()
    address = f"kafka.{service['metadata']['namespace']}.svc:{service['spec']['ports'][0]['port']}"
    assert made["kafka"] == {"FRAMELOG_KAFKA": address, "KAFKA_HOSTS": parsed(address).hosts}
    assert (made["keda"]["sasl"], made["keda"]["tls"]) == ("none", "disable")


def test_each_time_they_are_others() -> None:
    assert secrets.made()["s3"] != secrets.made()["s3"]


def test_what_is_printed_can_be_applied() -> None:
    command = [sys.executable, "-m", "deploy.k8s.secrets"]
    told = json.loads(subprocess.run(command, cwd=CLONE, capture_output=True, check=True).stdout)
    found = {one["metadata"]["name"]: one["stringData"].keys() for one in told["items"]}
    assert found == {name: values.keys() for name, values in SECRETS.items()}
    some = json.loads(subprocess.run([*command, "house"], cwd=CLONE, capture_output=True, check=True).stdout)
    assert [one["metadata"]["name"] for one in some["items"]] == ["house"]


def test_a_name_that_is_none_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.k8s.secrets", "hous"], cwd=CLONE, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "no such Secret: hous; there are house, admin" in done.stderr
