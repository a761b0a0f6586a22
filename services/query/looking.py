"""One image, to one who asks. A stale yes is fine; every no is asked of the newest state."""

from uuid import UUID

from adapters.principal import Principal
from contracts.images import Image
from contracts.problems import Problem
from contracts.resources.images import Described
from services.query.parts import Reading


async def visible(parts: Reading, image_id: UUID, who: Principal) -> Described:
    """The image. Raises the Problem `not-found` for what does not exist, is deleted, or is another's secret."""
    found = await parts.read_model.image(image_id)
    if found is None or not may_see(who, found.image):
        found = await parts.fresh.newest(image_id)
    if found is None or not may_see(who, found.image):
        raise Problem("not-found", f"There is no image {image_id}.")
    return found


async def owned(parts: Reading, image_id: UUID, who: Principal) -> Described:
    """The same for what only its owner may have. Raises also `forbidden`, for another's public image."""
    found = await visible(parts, image_id, who)
    if not owns(who, found.image):
        raise Problem("forbidden", "Of another's public image only its public view and its renditions are shown.")
    return found


def may_see(who: Principal, image: Image) -> bool:
    return image.deleted_at is None and (owns(who, image) or image.visibility == "public")


def owns(who: Principal, image: Image) -> bool:
    return image.owner == who.account
