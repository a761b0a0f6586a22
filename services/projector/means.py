"""What builds are made with, as settings say."""

import os

from adapters.log import Names
from services.projector.build import Tell
from services.projector.rebuild import Means
from services.projector.source import Log
from services.settings import Projector


def means(settings: Projector, tell: Tell) -> Means:
    return Means(
        postgres=settings.postgres,
        log=Log(settings.kafka, Names(settings.topic_prefix)),
        folder=settings.home / "spill",
        memory=settings.rebuild_memory_bytes,
        processes=settings.rebuild_processes or os.cpu_count() or 1,
        tell=tell,
        unreadable=settings.undecodable_ratio,
    )
