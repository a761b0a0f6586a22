"""What `rebuild` and `verify` share: a bar with rate and time left, and one line for whatever stops them."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaError
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from adapters.objects import StoreRefused
from adapters.tolerance import TooManyUndecodable
from cli.bars import Barred
from cli.errors import FOUND_A_DIFFERENCE, SOMETHING_IS_DOWN, WRONG_USE, Failed
from cli.output import console
from contracts.events import TryLater
from migrations import Unfit
from services.projector.as_of import FoldedOtherwise, NoSuchSchema
from services.projector.crew import BuilderDied
from services.projector.naming import Lagging
from services.projector.positions import NoSuchPlace
from services.projector.rebuild import NoWayBack
from services.projector.store import LOST
from services.projector.switching import AlreadyBuilding
from services.projector.verify import NothingServed
from services.projector.whole import LogBroken


class Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} events/s" if task.speed else "")


class Progressing(Barred):
    """A context: on a terminal the bar is there while it is open; elsewhere nothing is said."""

    def __init__(self, as_json: bool) -> None:
        screen = console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description:9}"),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            console=screen,
            disable=as_json or not screen.is_terminal,
        )
        self._phase: tuple[str, TaskID] | None = None

    def tell(self, phase: str, done: int, total: int) -> None:
        if self._phase is None or self._phase[0] != phase:
            self._phase = (phase, self._bar.add_task(phase, total=total))
        self._bar.update(self._phase[1], completed=done, total=total)


@contextmanager
def failing() -> Iterator[None]:
    """One line with a remedy for whatever is foreseen."""
    try:
        yield
    except (
        *(AlreadyBuilding, BuilderDied, FoldedOtherwise, LogBroken),
        *(NoWayBack, NothingServed, TooManyUndecodable),
    ) as no:
        raise Failed(str(no), FOUND_A_DIFFERENCE) from None
    except (NoSuchPlace, NoSuchSchema, Unfit) as no:
        raise Failed(str(no), WRONG_USE) from None
    except Lagging as lagging:
        raise Failed(str(lagging), SOMETHING_IS_DOWN) from None
    except (TryLater, StoreRefused) as down:
        raise Failed(
            f"object storage does not answer as it should: {down}; see `framelog doctor`", SOMETHING_IS_DOWN
        ) from None
    except (KafkaError, *LOST) as down:
        line = str(down).splitlines()[0] if str(down) else type(down).__name__
        raise Failed(f"Kafka or Postgres does not answer: {line}; see `framelog doctor`", SOMETHING_IS_DOWN) from None
