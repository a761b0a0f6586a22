"""What Prometheus itself says, in `make k8s`, of the rules, of their tests, and of what scrapes one machine."""

import subprocess
import sys
from pathlib import Path

from deploy.local.refusal import CannotStart
from deploy.monitoring.program import program

FOLDER = Path(__file__).parent
CHECKS = (
    ("check", "rules", "rules.yaml"),
    ("test", "rules", "rules.test.yaml"),
    ("check", "config", "prometheus.yaml"),
)


def main() -> int:
    try:
        promtool = program("promtool")
    except CannotStart as missing:
        print(f"framelog: {missing}", file=sys.stderr)
        return missing.exit_code
    return max([_refused(promtool, *check) for check in CHECKS])


def _refused(promtool: str, *check: str) -> int:
    """1 where promtool says no, which it has explained."""
    return 1 if subprocess.run([promtool, *check], cwd=FOLDER, stdin=subprocess.DEVNULL).returncode else 0


if __name__ == "__main__":
    sys.exit(main())
