"""`python -m deploy.k8s.secrets [NAME…]`: the Secrets that the manifests refer to, new ones, for `kubectl apply -f -`.

All of them are what a cluster with everything inside needs. `house` and `admin` are for any cluster: made once, and
backed up with the log, since nobody's password in it can be checked without them.
"""

import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters import keys
from services.ingest.bootstrap import ADMIN, CREDENTIALS

NAMESPACE = "framelog"
OWN_ADDRESS = "http://0.0.0.0:8000"
"""What the API takes for its own: with another one it would want to write the file."""
REMOTE_ADDRESS = "http://api:8000"
KAFKA = "kafka.framelog.svc:9092"


def made() -> dict[str, dict[str, str]]:
    """The Secrets by name, each with its keys and values."""
    database, store, admin = (secrets.token_urlsafe(24) for _ in range(3))
    return {
        "house": {keys.FILE: _keys()},
        "admin": {CREDENTIALS: _credentials(OWN_ADDRESS, admin), "remote.json": _credentials(REMOTE_ADDRESS, admin)},
        "kafka": {"FRAMELOG_KAFKA": KAFKA, "KAFKA_HOSTS": KAFKA},
        "keda": {"sasl": "none", "tls": "disable", "username": "", "password": ""},
        "s3": {"FRAMELOG_S3_ACCESS_KEY": "framelog", "FRAMELOG_S3_SECRET_KEY": store},
        "database": {"FRAMELOG_POSTGRES": f"postgresql://framelog:{database}@postgres:5432/framelog"},
        "postgres": {"password": database},
    }


def manifest(name: str, values: Mapping[str, str]) -> dict[str, object]:
    about = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": dict(values)}


def _keys() -> str:
    with TemporaryDirectory() as folder:
        keys.create(path := Path(folder) / keys.FILE)
        return path.read_text()


def _credentials(url: str, password: str) -> str:
    return json.dumps({"url": url, "username": ADMIN, "password": password})


def main(names: Sequence[str]) -> None:
    found = made()
    if unknown := set(names) - set(found):
        sys.exit(f"framelog: no such Secret: {', '.join(sorted(unknown))}; there are {', '.join(found)}")
    chosen = [manifest(name, values) for name, values in found.items() if not names or name in names]
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": chosen}, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
