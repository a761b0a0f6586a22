"""First step of `make run` and `make test` on a bare machine: `python3 -m deploy.local.setup run|test|check`.

This file is read by whatever Python is there, so it stays in the words of an old one.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write(
        f"framelog: this is Python {sys.version_info[0]}.{sys.version_info[1]}, and 3.11 or newer is needed: "
        "install it, and name it: make PYTHON=python3.11 run\n"
    )
    sys.exit(3)

if __name__ == "__main__":
    from deploy.local.bootstrap import main

    main(sys.argv[1:])
