"""`framelog login`: sign in as somebody else than this machine's admin, or somewhere else."""

from typing import Annotated

import typer

from cli.asking import asking
from cli.client import Client
from cli.options import Url


def login(
    username: Annotated[str | None, typer.Argument(help="The account's name; asked for, if not given.")] = None,
    url: Url = None,
) -> None:
    """Sign in; the commands that follow act as this account until another signs in.

    On the machine that runs `make run` nobody needs to: its commands act as `admin`. Scripts set FRAMELOG_API_KEY.

    Examples:
      framelog login alice
      framelog login alice --url https://images.example.org
    """
    name = username or typer.prompt("Username", err=True)
    password = typer.prompt("Password", hide_input=True, err=True)

    async def sign_in(client: Client) -> str:
        await client.session.log_in(name, password)
        return str((await client.get("/v1/me"))["username"])

    print(f"signed in as {asking(url, sign_in)}")
