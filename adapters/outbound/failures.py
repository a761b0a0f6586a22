"""Why an address was not called, or its answer not taken: one line each, fit for whoever named the address.

No line holds an address that a name was resolved to: nobody may learn from them what this network looks like.
"""


class OutboundFailed(Exception):
    """All of the below."""


class NotAllowed(OutboundFailed):
    """The address may not be called. The same address will not be allowed later: never retry."""


class Unreachable(OutboundFailed):
    """No name server, no connection, no valid certificate, no whole answer in time. It may pass."""


class BadAnswer(OutboundFailed):
    """An answer that cannot be taken: no HTTP, compressed, longer than it said, redirected without end."""


class TooLarge(BadAnswer):
    """The body holds more bytes than the caller takes."""
