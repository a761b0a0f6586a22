"""The one HTTP client of the command line: asks again where that helps, and says in one line where it does not."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_before_delay
from tenacity.wait import wait_random_exponential

from cli.errors import FOUND_A_DIFFERENCE, SOMETHING_IS_DOWN, WRONG_USE, Failed
from cli.session import Session
from contracts.events import Json, TryLater

PATIENCE = 60.0  # seconds that one request is asked again while the API is restarting or overloaded
TIMEOUT = httpx.Timeout(60.0, connect=5.0)
QUIET = httpx.Timeout(45.0, connect=5.0)
"""What goes on shows every 15 s that it lives."""
LARGEST_PAGE = 200
AGAIN = {429, 503}
NOT_AS_EXPECTED = {404, 409, 410, 412}
_BACKOFF = wait_random_exponential(multiplier=0.2, max=5)

Query = Mapping[str, str | int | bool | list[str] | None]


class Refused(Failed):
    """The API's no. Exit code: 3 where the API is at fault, 1 where the image is not as expected, else 2."""

    def __init__(self, answer: httpx.Response) -> None:
        problem = _problem(answer)
        self.status = answer.status_code
        super().__init__(_line(problem, answer), exit_code=exit_code(answer.status_code))


class Down(Failed):
    """Nothing answers, or only with "later", for as long as one may wait."""

    def __init__(self, line: str) -> None:
        super().__init__(line, SOMETHING_IS_DOWN)


class Client:
    """Speaks to the API at `url`. A server that never answered is down at once; one that did may be restarting."""

    def __init__(self, url: str, patience: float = PATIENCE, home: Path | None = None, api_key: str = "") -> None:
        self.url = url
        self._patience = patience
        self._answered = False
        here: dict[str, httpx.AsyncBaseTransport | None] = {"all://127.0.0.1": None, "all://localhost": None}
        self._http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT, mounts=here)  # no proxy to this machine
        self.session = Session(home or Path(), url, api_key, self._http)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def get(self, path: str, query: Query | None = None, patience: float | None = None) -> dict[str, Json]:
        return _json(await self.ask(lambda: self.request("GET", path, params=_given(query)), patience))

    async def post(self, path: str, body: Json = None) -> dict[str, Json]:
        """Asked again where the answer was not heard, as the same request."""
        headers = {"Idempotency-Key": str(uuid4())}
        return _json(await self.ask(lambda: self.request("POST", path, json=body, headers=headers)))

    async def bytes(self, path: str) -> bytes:
        return (await self.ask(lambda: self.request("GET", path))).content

    async def items(self, path: str, query: Query, limit: int | None) -> AsyncIterator[dict[str, Json]]:
        """The first `limit` items of a list, page by page; all of them without a limit."""
        cursor, left = None, limit
        while left is None or left > 0:
            size = LARGEST_PAGE if left is None else min(left, LARGEST_PAGE)
            page = await self.get(path, {**query, "limit": size, "cursor": cursor})
            for item in page["items"]:
                yield item
            left = None if left is None else left - len(page["items"])
            if (cursor := page["next"]) is None:
                return

    async def lines(self, path: str, query: Query, headers: Mapping[str, str]) -> AsyncIterator[str]:
        """The lines of an answer that goes on, till it ends or breaks off."""
        parts = {"params": _given(query), "headers": headers, "timeout": QUIET}
        answer = await self.ask(lambda: self.request("GET", path, **parts), stream=True)
        try:
            async for line in answer.aiter_lines():
                yield line
        except httpx.TransportError:
            return
        finally:
            await answer.aclose()

    def request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        return self._http.build_request(method, path, **parts)

    async def ask(
        self, make: Callable[[], httpx.Request], patience: float | None = None, stream: bool = False
    ) -> httpx.Response:
        """The answer to a request, made anew for every try of the next `patience` seconds. Raises Refused or Down.

        With `stream` its body has not been read, and it is to be closed.
        """
        tries = AsyncRetrying(
            retry=retry_if_exception_type(TryLater),
            wait=_pause,
            stop=stop_before_delay(self._patience if patience is None else patience),
            reraise=True,
        )
        try:
            return await tries(self._once, make, stream)
        except TryLater as error:
            raise Down(f"{self.url}: {error}; `framelog doctor` says what is down, then run the same again") from None

    async def _once(self, make: Callable[[], httpx.Request], stream: bool) -> httpx.Response:
        try:
            answer = await self._http.send(make(), auth=self.session, stream=stream)
            if not answer.is_success:
                await answer.aread()
        except httpx.ConnectError as error:
            if self._answered:
                raise TryLater("the API does not answer any more") from error
            raise Down(f"nothing answers at {self.url}; `make run` starts it, --url says where it is") from None
        except httpx.TransportError as error:
            raise TryLater(f"the connection broke ({type(error).__name__})") from error
        self._answered = True
        if answer.status_code in AGAIN:
            raise TryLater(_line(_problem(answer), answer), after=_seconds(answer.headers.get("retry-after")))
        if not answer.is_success:
            raise Refused(answer)
        return answer


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    after = error.after if isinstance(error, TryLater) else None
    return _BACKOFF(state) if after is None else after


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None


def _given(query: Query | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value is not None}


def _json(answer: httpx.Response) -> dict[str, Json]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Failed(f"{answer.request.url}: this is not Framelog; say where it is with --url", SOMETHING_IS_DOWN)
    return found


def _problem(answer: httpx.Response) -> dict[str, Json]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _line(problem: Mapping[str, Json], answer: httpx.Response) -> str:
    """A problem (RFC 9457) on one line; which fields are wrong where it says so."""
    title = problem.get("title") or f"HTTP {answer.status_code} {answer.reason_phrase}"
    said = ": ".join(str(part) for part in (title, problem.get("detail")) if part)
    wrong = [f"{one['pointer']}: {one['detail']}" for one in problem.get("errors", ()) if one["detail"] not in said]
    return "; ".join([said, *wrong])


def exit_code(status: int) -> int:
    """What an HTTP status is to a command."""
    if status >= 500:
        return SOMETHING_IS_DOWN
    return FOUND_A_DIFFERENCE if status in NOT_AS_EXPECTED else WRONG_USE
