"""The drills, one file per kind of fault. Each is entered in `tests.faults.drill.DRILLS` by being imported."""

from importlib import import_module
from pkgutil import iter_modules


def every() -> None:
    for found in iter_modules(__path__):
        import_module(f"{__name__}.{found.name}")
