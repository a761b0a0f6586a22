"""How long something takes, told by its slowest: the median, and what 5 % and 1 % of the samples exceed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

SHARES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Samples in milliseconds by what was waited for."""

    title: str
    samples: Mapping[str, Sequence[float]]
    notes: Sequence[str] = field(default_factory=list)

    def markdown(self) -> str:
        rows = [f"### {self.title}", "", "| ms | p50 | p95 | p99 |", "|---|---:|---:|---:|"]
        rows += [
            f"| {name} | {' | '.join(f'{percentile(found, share):,.0f}' for share in SHARES)} |"
            for name, found in self.samples.items()
        ]
        return "\n".join([*rows, *([""] if self.notes else []), *(f"{note}  " for note in self.notes), ""])


def percentile(samples: Sequence[float], share: int) -> float:
    """The least sample that `share` per cent of them do not exceed."""
    return sorted(samples)[ceil(len(samples) * share / 100) - 1]
