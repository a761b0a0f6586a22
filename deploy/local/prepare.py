"""What must exist in the servers before a service starts: topics, groups, bucket, schemas. Safe to repeat."""

from adapters.admin import WrongTopic, create_bucket, create_topics
from adapters.groups import create_fetcher_group, create_groups
from adapters.log import Names
from deploy.local import groups
from deploy.local.refusal import CannotStart
from deploy.local.servers import Step, side_by_side
from migrations import Unfit, migrate
from services.settings import Api


async def prepare(settings: Api, step: Step) -> None:
    """Raises CannotStart where a topic or the database stands otherwise than this code has it."""
    await side_by_side(_log(settings, step), _bucket(settings, step), _schemas(settings, step))


async def _log(settings: Api, step: Step) -> None:
    names = Names(settings.topic_prefix)
    with step("Topics"):
        try:
            await create_topics(settings.kafka, names)
        except WrongTopic as wrong:
            raise CannotStart(str(wrong), exit_code=2) from None
        await create_groups(settings.kafka, names, groups.running(settings))
        await create_fetcher_group(settings.kafka, names)


async def _bucket(settings: Api, step: Step) -> None:
    with step("Bucket"):
        await create_bucket(
            settings.s3, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket, settings.s3_region
        )


async def _schemas(settings: Api, step: Step) -> None:
    with step("Schemas"):
        try:
            await migrate(settings.postgres)
        except Unfit as unfit:
            raise CannotStart(str(unfit), exit_code=2) from None
