"""One stack's own directory, FRAMELOG_HOME: data, logs, generated secrets, and a lock that only one stack holds."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.refusal import CannotStart

ENTERABLE = 0o711  # Postgres's own user passes through; nobody else lists it
SECRET = 0o600


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a stack's servers are, as `endpoints.json` has them and as services read them (FRAMELOG_<NAME>)."""

    kafka: str
    s3: str
    s3_access_key: str
    s3_secret_key: str
    postgres: str

    def environment(self) -> dict[str, str]:
        return {f"FRAMELOG_{name.upper()}": value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once per home: the servers' passwords."""

    s3_secret_key: str
    postgres_password: str


@dataclass(frozen=True, slots=True)
class Home:
    """Paths under FRAMELOG_HOME, which is absolute."""

    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def endpoints(self) -> Path:
        return self.path / "endpoints.json"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Makes the directories. Raises CannotStart if it may not write there."""
        for directory in (self.path, self.logs, self.run):
            try:
                directory.mkdir(parents=True, exist_ok=True)
                directory.chmod(ENTERABLE)
                (directory / ".writable").touch()
                (directory / ".writable").unlink()
            except OSError as error:
                raise CannotStart(
                    f"{directory}: cannot be written ({error.strerror}); "
                    "set FRAMELOG_HOME to a directory that you own, with space"
                ) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the home for this process alone; the kernel gives it back whatever ends the process."""
        with (self.path / "up.lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotStart(
                    f"a stack is already running in {self.path} (pid {self.holder() or 'unknown'}); "
                    "`framelog stop` ends it, another FRAMELOG_HOME and FRAMELOG_PORT start a second one",
                    exit_code=2,
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
            file.truncate(0)

    def holder(self) -> int | None:
        """The pid of the supervisor that holds this home, if one does."""
        try:
            with (self.path / "up.lock").open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read() or 0) or None
        except FileNotFoundError:
            pass
        return None

    def secrets(self) -> Secrets:
        path = self.path / "secrets.json"
        if path.exists():
            return Secrets(**json.loads(path.read_text()))
        made = Secrets(s3_secret_key=secrets.token_hex(20), postgres_password=secrets.token_hex(20))
        write_secret(path, json.dumps(asdict(made)))
        return made

    def addresses(self) -> Addresses | None:
        """Those of the last start; None before the first."""
        try:
            return Addresses(**json.loads(self.endpoints.read_text()))
        except FileNotFoundError:
            return None

    def remember(self, addresses: Addresses) -> None:
        write_secret(self.endpoints, json.dumps(asdict(addresses), indent=2) + "\n")


def write_secret(path: Path, text: str) -> None:
    """Replaces `path` at once and for its owner alone: a reader sees the old text or the new one, whole."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
