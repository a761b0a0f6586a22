"""The command that installs a missing tool on this machine. Standard library only."""

import os
import shutil

# Package names by package manager, in the order in which managers are looked for.
PACKAGES = {
    "apt-get install -y": {
        "java": "openjdk-17-jre-headless",
        "mvn": "maven",
        "go": "golang",
        "postgres": "postgresql",
        "venv": "python3-venv",
        "redis-server": "redis-server",
        "prometheus": "prometheus",
    },
    "dnf install -y": {
        "java": "java-21-openjdk-headless",
        "mvn": "maven",
        "go": "golang",
        "postgres": "postgresql-server",
        "venv": "python3",
        "redis-server": "valkey-compat-redis",
        "prometheus": "golang-github-prometheus",
    },
    "pacman -S --noconfirm": {
        "java": "jre-openjdk-headless",
        "mvn": "maven",
        "go": "go",
        "postgres": "postgresql",
        "venv": "python",
        "redis-server": "valkey",
        "prometheus": "prometheus",
    },
    "brew install": {
        "java": "openjdk",
        "mvn": "maven",
        "go": "go",
        "postgres": "postgresql",
        "venv": "python@3.12",
        "redis-server": "redis",
        "prometheus": "prometheus",
    },
}


def how_to_install(tool: str) -> str:
    """The command for this machine's package manager."""
    for command, packages in PACKAGES.items():
        if shutil.which(command.split()[0]):
            sudo = "" if os.geteuid() == 0 or command.startswith("brew") else "sudo "
            return f"{sudo}{command} {packages[tool]}"
    return f"install {tool} and put it on PATH"
