"""`framelog`: the table of commands. Each is a function in a file of its own, imported when it is called."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cli.errors import INTERRUPTED, WRONG_USE, Failed, report

# name: (where it is, its one line of help)
COMMANDS = {
    "up": ("cli.up:up", "Start everything on this machine and keep it running."),
    "stop": ("cli.stop:stop", "Stop what `framelog up` started."),
    "login": ("cli.login:login", "Sign in as somebody else, or somewhere else."),
    "keys": ("cli.keys:keys", "Rotate the secret keys of the house."),
    "doctor": ("cli.doctor:doctor", "Say what is installed, what runs, what answers, what lags."),
    "migrate": ("cli.migrate:migrate", "Apply the numbered SQL that is missing."),
    "topics": ("cli.topics:topics", "Create the topics, groups and the bucket, or check those that stand."),
    "rebuild": ("cli.rebuild:rebuild", "Build the read model anew from the log, and switch to it."),
    "verify": ("cli.verify:verify", "Compare what is served with what the log says."),
    "orphans": ("cli.orphans:orphans", "Find objects that nothing names, put them aside, delete them."),
    "dlq": ("cli.dlq:dlq", "See what could not be read, and say what is to become of it."),
    "upload": ("cli.upload:upload", "Upload images and folders of them."),
    "show": ("cli.show:show", "Show what Framelog knows of an image."),
    "search": ("cli.search:search", "Find images."),
    "history": ("cli.history:history", "Show every change of an image."),
    "watch": ("cli.watch:watch", "Print what happens to one's images, as it happens."),
    "models": ("cli.models:models", "Check and install a model, or list those installed."),
    "job": ("cli.job:job", "Run one algorithm on one image."),
    "listen": ("cli.listen:listen", "Receive, verify and print callbacks."),
    "reanalyze": ("cli.reanalyze:reanalyze", "Run an algorithm over the images that are there."),
    "promote": ("cli.promote:promote", "Say which version of an algorithm speaks."),
    "algorithms": ("cli.algorithms:algorithms", "List what can be found in an image."),
}

CLONE = Path(__file__).resolve().parents[1]
PATHS = ("FRAMELOG_HOME", "FRAMELOG_MODELS")


class Commands(TyperGroup):
    """Knows every command by name and help; imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=line) for name, (_, line) in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and found else found, rest


def load(name: str) -> Any:
    module, _, function = COMMANDS[name][0].partition(":")
    single = typer.Typer(add_completion=False)
    single.command(name)(getattr(import_module(module), function))
    return typer.main.get_command(single)


app = typer.Typer(cls=Commands, add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback()
def framelog() -> None:
    """Images, and everything known about them, from an event log.

    Settings are environment variables FRAMELOG_*; .env.example lists them.
    """


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The exit code."""
    _take_up_dotenv()
    try:
        return int(app(list(arguments) or ["--help"], prog_name="framelog", standalone_mode=False) or 0)
    except Exception as error:
        line, code = _explained(error)
        report(line)
        return code
    except KeyboardInterrupt:
        return INTERRUPTED


def _explained(error: Exception) -> tuple[str, int]:
    """What to say of a failure that was foreseen; raises any other again."""
    from deploy.local.refusal import CannotStart
    from services.settings import WrongSettings

    match error:
        case Failed() | CannotStart():
            return str(error), error.exit_code
        case WrongSettings():
            return str(error), WRONG_USE
        case typer._click.exceptions.UsageError():
            asked = error.ctx.command_path if error.ctx else "framelog"
            return f"{error.format_message()} See `{asked} --help`.", WRONG_USE
    raise error


def _take_up_dotenv() -> None:
    """The clone's settings and home count wherever the command is typed."""
    from dotenv import dotenv_values

    for name, value in dotenv_values(CLONE / ".env").items():
        if value is not None and name.startswith("FRAMELOG_"):
            os.environ.setdefault(name, str(CLONE / value) if name in PATHS else value)
    os.environ["FRAMELOG_HOME"] = str(Path(os.environ.get("FRAMELOG_HOME", CLONE / ".framelog")).resolve())
