"""Interleaved rounds and what is said of them: medians, and ratios round by round with their spread."""

import os
import platform
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

Contender = Callable[[], Awaitable[float]]
"""One run, checked for its output; answers a rate or a time."""


@dataclass(frozen=True, slots=True)
class Target:
    """`contender` against `against`, whose ratio should be at least (`floor`) or at most (`ceiling`) so much.

    Against None it is the figure itself that counts. With neither it is shown for what it explains.
    """

    contender: str
    against: str | None
    floor: float | None = None
    ceiling: float | None = None

    def met(self, ratio: float) -> bool:
        return (self.floor is None or ratio >= self.floor) and (self.ceiling is None or ratio <= self.ceiling)

    def wanted(self) -> str:
        if self.floor is None and self.ceiling is None:
            return ""
        return f"≥ {self.floor:g}" if self.floor is not None else f"≤ {self.ceiling:g}"


@dataclass(slots=True)
class Table:
    """The figures of one benchmark: samples in `unit` per contender, in the order of the rounds."""

    title: str
    unit: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    targets: Sequence[Target] = ()
    notes: list[str] = field(default_factory=list)

    def ratios(self, target: Target) -> list[float]:
        own = self.samples[target.contender]
        if target.against is None:
            return own
        return [a / b for a, b in zip(own, self.samples[target.against], strict=True)]

    def markdown(self) -> str:
        rows = [f"### {self.title}", "", f"| | {self.unit}, median | min – max |", "|---|---:|---:|"]
        rows += [
            f"| {name} | {_figure(median(found))} | {_figure(min(found))} – {_figure(max(found))} |"
            for name, found in self.samples.items()
        ]
        if self.targets:
            rows += ["", "| ratio | median | min – max | wanted | |", "|---|---:|---:|---:|---|"]
            rows += [self._ratio_row(target) for target in self.targets]
        return "\n".join([*rows, *([""] if self.notes else []), *(f"{note}  " for note in self.notes), ""])

    def _ratio_row(self, target: Target) -> str:
        found = self.ratios(target)
        middle = median(found)
        spread = f"{min(found):.3g} – {max(found):.3g}"
        verdict = ("met" if target.met(middle) else "**missed**") if target.wanted() else ""
        name = f"{target.contender} / {target.against}" if target.against else f"{target.contender}, {self.unit}"
        return f"| {name} | {middle:.3g} | {spread} | {target.wanted()} | {verdict} |"


async def interleaved(table: Table, contenders: Mapping[str, Contender], rounds: int) -> Table:
    """Every contender once per round, so that a drifting machine drifts for all; one round is not counted."""
    for number in range(rounds + 1):
        for name, run in contenders.items():
            sample = await run()
            if number:
                table.samples.setdefault(name, []).append(sample)
                print(f"  {table.title} · round {number}/{rounds} · {name}: {_figure(sample)} {table.unit}", flush=True)
    return table


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def said_by(rounds: int) -> str:
    """Which machine, when, how often."""
    day = datetime.now(UTC).date().isoformat()
    return (
        f"*{day}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {rounds} rounds*\n"
    )
