"""`framelog topics`: what must exist in Kafka and object storage before a service starts."""

import asyncio
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from urllib3.exceptions import HTTPError

from adapters.admin import WrongTopic, create_bucket, create_topics
from adapters.groups import analyzer_group, create_fetcher_group, create_groups, fetcher_group
from adapters.log import Names
from cli.errors import SOMETHING_IS_DOWN, WRONG_USE, Failed
from cli.options import AsJson
from cli.output import json_line
from deploy.local.whereabouts import located
from services.settings import Api


def topics(
    replication: Annotated[
        int, typer.Option("--replication", min=1, help="Copies of each record, each on another broker.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Create the topics of contracts/topics.py, the consumer groups of FRAMELOG_ALGORITHM_GROUPS and the bucket.

    What stands already is checked: other partitions, or configs that could lose events, are refused. `framelog up` does
    this by itself; on servers of your own it is run before the first start, and after every upgrade.

    Examples:
      framelog topics --replication 3
    """
    try:
        made = asyncio.run(_made(located(Api.read()), replication))
    except WrongTopic as wrong:
        raise Failed(str(wrong), WRONG_USE) from None
    except (KafkaError, HTTPError) as down:
        line = str(down).splitlines()[0]
        raise Failed(f"Kafka or object storage: {line}; `framelog doctor` says which", SOMETHING_IS_DOWN) from None
    if as_json:
        json_line({"made": made})
    else:
        print("\n".join(f"made {name}" for name in made) or "nothing is missing")


async def _made(settings: Api, replication: int) -> list[str]:
    names = Names(settings.topic_prefix)
    made = await create_topics(settings.kafka, names, replication=replication)
    groups = await create_groups(settings.kafka, names, settings.algorithm_groups)
    fetcher = await create_fetcher_group(settings.kafka, names)
    bucket = await create_bucket(
        settings.s3, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket, settings.s3_region
    )
    return [
        *made,
        *(analyzer_group(names, group) for group in groups),
        *([fetcher_group(names)] if fetcher else []),
        *([settings.s3_bucket] if bucket else []),
    ]
