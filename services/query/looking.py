"""One image, to one who asks. A stale yes is fine; every no is asked of the newest state."""

from uuid import UUID

from contracts.permissions import Action, Principal, Subject, decide
from contracts.problems import Problem
from contracts.resources.images import Described
from services.query.parts import Reading

NOBODY = ""


async def visible(parts: Reading, image_id: UUID, who: Principal | None, action: Action = "see-image") -> Described:
    """The image. Raises the Problem `not-found` for what does not exist, is deleted, or is another's secret."""
    found = await parts.read_model.image(image_id)
    if found is None or decide(who, action, subject(found)) == "hidden":
        found = await parts.fresh.newest(image_id)
    if found is None or decide(who, action, subject(found)) == "hidden":
        raise Problem("not-found", f"There is no image {image_id}.")
    return found


async def owned(parts: Reading, image_id: UUID, who: Principal) -> Described:
    """The same for what only its owner may have. Raises also `forbidden`, for another's public image."""
    found = await visible(parts, image_id, who, "see-own-image")
    if decide(who, "see-own-image", subject(found)) != "allowed":
        raise Problem("forbidden", "Of another's public image only its public view and its renditions are shown.")
    return found


async def kept(parts: Reading, image_id: UUID, who: Principal) -> Described:
    """One of one's own images, deleted or not. Raises as `owned` does for every other."""
    found = await parts.fresh.image(image_id)
    if found is None or found.image.owner != who.account:
        return await owned(parts, image_id, who)
    return found


def may_see(who: Principal | None, image: Described) -> bool:
    return decide(who, "see-image", subject(image)) == "allowed"


def owns(who: Principal | None, image: Described) -> bool:
    return who is not None and image.image.owner == who.account


def subject(found: Described) -> Subject:
    """A deleted image is nobody's any more."""
    gone = found.image.deleted_at is not None
    return Subject(owner=NOBODY if gone else found.image.owner, public=found.shown and not gone)
