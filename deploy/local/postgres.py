"""Postgres: everything in it can be rebuilt from the log."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy.local import tools
from deploy.local.child import Program, User
from deploy.local.home import Home, write_secret
from deploy.local.packages import how_to_install
from deploy.local.refusal import CannotStart
from deploy.local.tools import found

ROLE = DATABASE = "framelog"


def postgres(home: Home, password: str, port: int) -> Program:
    """The server, its cluster made on the first start; under another user where we are root, since it refuses root."""
    user = other_user() if os.geteuid() == 0 else None
    directory = home.path / "postgres"
    binary = _binary(home)
    directory.mkdir(exist_ok=True, mode=0o700)
    if user:
        os.chown(directory, user.uid, user.gid)
    if not (directory / "data").exists():
        _make_cluster(directory, binary, password, user)
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200"}
    return Program(
        name="postgres",
        command=[
            *(str(binary), "-D", str(directory / "data"), "-p", str(port)),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ],
        cwd=directory,
        answers=lambda: has_database(url(password, port)),
        stop=signal.SIGINT,  # fast: roll back what is open, write a checkpoint
        user=user,
    )


def url(password: str, port: int) -> str:
    """The connection URL of the stack's own database."""
    return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}"


async def answers(server: str) -> bool:
    """Whether one can log in there."""
    try:
        await (await psycopg.AsyncConnection.connect(make_conninfo(server, connect_timeout=2))).close()
    except psycopg.OperationalError:
        return False
    return True


async def has_database(server: str) -> bool:
    """Whether our own server answers; makes the database if it is the first to ask. Raises on a wrong password."""
    maintenance = make_conninfo(server, dbname="postgres", connect_timeout=2)
    try:
        async with await psycopg.AsyncConnection.connect(maintenance, autocommit=True) as connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if not await found.fetchone():
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise CannotStart(
                "postgres: the password in secrets.json is not the one its data was made with; put the old file back, "
                "or remove the directory postgres beside it: what it holds is rebuilt from the log"
            ) from None
        return False
    return True


def other_user() -> User:
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name, found.pw_uid, found.pw_gid)
    raise CannotStart("Postgres refuses to run as root, and there is no user postgres or nobody: useradd postgres")


def refuse_unreachable(home: Home) -> None:
    """Raises CannotStart if Postgres is missing, or if its user cannot enter the home or the binaries."""
    binary = _binary(home)
    if os.geteuid() == 0:
        for needed in (home.path, binary.parent):
            _refuse_unreachable(other_user(), needed)


def _binary(home: Home) -> Path:
    """Of the version that made the standing cluster, if there is one."""
    version = home.path / "postgres/data/PG_VERSION"
    made_by = int(version.read_text().split(".")[0]) if version.exists() else None
    return found(lambda: tools.postgres(made_by)).path


def _refuse_unreachable(user: User, directory: Path) -> None:
    """Every directory on the way must let that user through."""
    for step in reversed([directory, *directory.parents]):
        asked = subprocess.run(
            ["test", "-x", str(step)], user=user.uid, group=user.gid, extra_groups=[], cwd="/", capture_output=True
        )
        if asked.returncode:
            raise CannotStart(
                f"{step}: Postgres runs as {user.name}, who cannot enter it: chmod o+x {step}, "
                "or set FRAMELOG_HOME to a directory outside of it"
                if directory.name != "bin"
                else f"{step}: Postgres runs as {user.name}, who cannot enter it: {how_to_install('postgres')}"
            )


def _make_cluster(directory: Path, binary: Path, password: str, user: User | None) -> None:
    """In a directory that gets its name when it is whole: a half-made one is never started."""
    fresh, file = directory / "fresh", directory / "password"
    shutil.rmtree(fresh, ignore_errors=True)
    write_secret(file, password)
    if user:
        os.chown(file, user.uid, user.gid)
    done = subprocess.run(
        [
            *(str(binary.with_name("initdb")), "-D", str(fresh), "-U", ROLE, "--auth=scram-sha-256"),
            *(f"--pwfile={file}", "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions"),
        ],
        capture_output=True,
        text=True,
        cwd=directory,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
    )
    file.unlink()
    if done.returncode:
        raise CannotStart(f"postgres: initdb failed: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
    fresh.rename(directory / "data")
