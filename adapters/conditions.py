"""Preconditions and retries as headers say them: ETag, If-Match (RFC 9110 §8.8, §13.1), Idempotency-Key. Pure."""

import re

from contracts.problems import Problem

_VERSION = re.compile(r'"([0-9]{1,9})"')
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


def etag(version: int) -> str:
    return f'"{version}"'


def expected_version(if_match: str | None) -> int | None:
    """The version a client says it has read; None for `*`, any.

    Raises the Problems `version-required` without the header, and `version-mismatch` for what is no version's ETag.
    """
    if if_match is None:
        raise Problem("version-required", "Send the ETag you have read in If-Match, or * for any version.")
    if if_match.strip() == "*":
        return None
    found = _VERSION.fullmatch(if_match.strip())
    if not found:
        raise Problem("version-mismatch", f"{if_match[:100]} is not the ETag of one version.")
    return int(found[1])


def idempotency_key(given: str | None) -> str | None:
    """The key under which a retry is the same request. Raises the Problem `malformed-request` for an unusable one."""
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise Problem("malformed-request", "An Idempotency-Key has 1 to 255 printable ASCII characters.")
    return given
