"""Safe consumption of the log by Faust: the one place that knows it (docs/adr/0001)."""

from adapters.stream.consume import NoSuchTopic, Stream
from adapters.stream.lanes import Skipped
from adapters.stream.member import Pace
from adapters.stream.process import run, told_to_stop
from adapters.stream.watchdog import Stuck

__all__ = ["NoSuchTopic", "Pace", "Skipped", "Stream", "Stuck", "run", "told_to_stop"]
