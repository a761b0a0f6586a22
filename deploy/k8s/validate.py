"""`validate.py VERSION,VERSION FILE…` against the schemas of those Kubernetes versions, by the Python of .venv-k8s."""

import sys
from typing import Any

import kubernetes_validate
import yaml

ELSEWHERE = ("gateway.networking.k8s.io/", "keda.sh/")
"""Kinds that Kubernetes has no schema of: those who install them do."""


def main(versions: str, *files: str) -> int:
    return max([_wrong(file, version) for file in files for version in versions.split(",")])


def _wrong(file: str, version: str) -> int:
    """1 where anything is, which is said."""
    with open(file, "rb") as text:
        found = [one for one in yaml.safe_load_all(text) if not one["apiVersion"].startswith(ELSEWHERE)]
    valid = [one for one in found if _is_valid(one, version)]
    print(f"{file.rpartition('/')[2]}: {len(valid)} of {len(found)} resources are valid in Kubernetes {version}")
    return 1 if len(valid) < len(found) else 0


def _is_valid(one: dict[str, Any], version: str) -> bool:
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        print(f"{one['kind']} {one['metadata']['name']}: {error.message}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
