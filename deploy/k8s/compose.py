"""`compose.py FILE`: whether it is what the Compose Specification's schema allows, by the Python of .venv-k8s."""

import sys

import yaml
from compose_pydantic.models import ComposeSpecification
from pydantic import ValidationError


def main(file: str) -> int:
    with open(file, "rb") as text:
        found = yaml.safe_load(text)
    try:
        # Its own extensions the specification leaves to everybody, and its schema to a pattern that these models lack.
        ComposeSpecification.model_validate({name: one for name, one in found.items() if not name.startswith("x-")})
    except ValidationError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    print(f"{file.rpartition('/')[2]}: valid, with {len(found['services'])} services")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
