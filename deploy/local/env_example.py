"""`.env.example`, generated from services/settings.py: `python -m deploy.local.env_example [--check]`."""

import sys
from pathlib import Path

from services.settings import table

FILE = Path(__file__).resolve().parents[2] / ".env.example"
HEAD = """\
# Every setting, with its default. Copy this file to .env and uncomment what you change; variables of the environment
# come first. An unknown FRAMELOG_* name or a wrong value stops any start. Generated: `make fmt` writes it anew.
"""


def text() -> str:
    return HEAD + "".join(f"\n# {meaning}\n# {name}={default}\n" for name, (default, meaning) in table().items())


def main() -> None:
    if sys.argv[1:] != ["--check"]:
        FILE.write_text(text())
    elif not FILE.exists() or FILE.read_text() != text():
        sys.exit(".env.example is not what services/settings.py says: run `make fmt`")


if __name__ == "__main__":
    main()
