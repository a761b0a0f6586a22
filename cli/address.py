"""Where the API is, and what `framelog up` left beside it for this command line."""

import json
from pathlib import Path

from pydantic import HttpUrl, TypeAdapter, ValidationError

from cli.errors import WRONG_USE, Failed
from services.settings import Client

CREDENTIALS = "credentials.json"


def address(given: str | None, settings: Client) -> str:
    """`--url`, else FRAMELOG_URL, else that of the credentials, else this machine's port. Without a trailing slash."""
    found = given or settings.url or credentials(settings.home).get("url") or f"http://127.0.0.1:{settings.port}"
    try:
        return str(TypeAdapter(HttpUrl).validate_python(found)).rstrip("/")
    except ValidationError:
        raise Failed(f"{found}: no address of an API; it looks like http://127.0.0.1:8000", WRONG_USE) from None


def credentials(home: Path) -> dict[str, str]:
    """What the first start wrote, `{url, username, password}`; empty where this is not its machine."""
    path = home / CREDENTIALS
    try:
        return {name: str(value) for name, value in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise Failed(f"{path}: cannot be read ({error}); say where the API is with --url", WRONG_USE) from None
