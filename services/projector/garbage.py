"""Python's cyclic garbage collector, told that a projector makes none."""

import gc

ALLOCATIONS = 500_000


def collect_rarely() -> None:
    """A batch is some hundred thousand objects that all live until it is saved. Looked through every 700 allocations,
    as CPython does by default, they cost as much again as decoding and folding them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)
