"""What `framelog reanalyze` says: a bar on a terminal, a line for each image that failed, and what came of it all."""

import time
from collections import Counter

from cli.bars import Barred
from cli.campaign import Campaign, Ended
from cli.output import console, json_line, printable
from cli.report import analysing_bar


class CampaignReport(Barred):
    """A context: the bar is there while it is open."""

    def __init__(self, campaign: Campaign, images: int, as_json: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._campaign = campaign
        self._json = as_json
        self._err = console(stderr=True)
        self._bar = analysing_bar(self._err)
        self._task = self._bar.add_task(f"{campaign.algorithm} {campaign.version}", total=images)
        self._began = time.monotonic()

    def ended(self, one: Ended) -> None:
        self.counts[one["status"]] += 1
        self._bar.advance(self._task)
        if self._json:
            json_line({"campaign": self._campaign.name, **one})
        elif one["status"] == "failed":
            why = "; ".join(f"{each['algorithm']}: {each['detail']}" for each in one["failures"])
            self.tell(f"failed  {one['image_id']}  {printable(why)}")

    def tell(self, line: str) -> None:
        self._err.print(line, soft_wrap=True)

    def summary(self) -> str:
        """`19998 completed, 2 failed by hash 2 in 812.4 s`"""
        counted = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        seconds = time.monotonic() - self._began
        by = f"{self._campaign.algorithm} {self._campaign.version}"
        return f"{counted or 'nothing'} by {by} in {seconds:.1f} s"
