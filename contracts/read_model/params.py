"""How params lie in a key."""

import hashlib

import orjson

from contracts.events import Params


def params_key(params: Params) -> str:
    """A short name for params, '' for the house's own: part of a fact's key."""
    if not params:
        return ""
    return hashlib.sha256(orjson.dumps(params, option=orjson.OPT_SORT_KEYS)).hexdigest()
