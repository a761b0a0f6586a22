"""Where the outcome of a request is to be told: judged while the client still listens, sealed before it is logged."""

from adapters.keys import Keys
from adapters.outbound import NotAllowed, Outbound
from contracts.images import CallbackTo
from contracts.problems import FieldError, Problem
from services.ingest.commands_images import AskedBack


class Callbacks:
    def __init__(self, outbound: Outbound, keys: Keys) -> None:
        self._outbound = outbound
        self._keys = keys

    async def to(self, asked: AskedBack | None, owner: str) -> CallbackTo | None:
        """As the log may hold it. Raises the Problem `url-not-allowed`."""
        if asked is None:
            return None
        await allowed(self._outbound, asked.url, "/callback_url")
        token = asked.token and self._keys.seal_callback_token(owner, asked.token)
        return CallbackTo(url=asked.url, sealed_token=token)


async def allowed(outbound: Outbound, url: str, pointer: str) -> None:
    """A courtesy: whoever dials looks again. Raises the Problem `url-not-allowed`, which points to the field."""
    try:
        await outbound.courtesy(url)
    except NotAllowed as error:
        where = FieldError(pointer=pointer, detail=str(error))
        raise Problem("url-not-allowed", f"{error}.", errors=(where,)) from None
