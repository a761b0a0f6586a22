"""Topic `framelog.reanalysis`: what campaigns ask for. It is analysed when nothing else is, and decides nothing else.

It adds facts: no status waits for it, no version counts it, no job shows it, and nothing rejects it.
"""

from uuid import UUID

from msgspec import Struct

from contracts.events import Slug
from contracts.images import Content, Wanted


class ReanalysisRequested(Struct, frozen=True, kw_only=True):
    """An image is to be analysed as it is, by a campaign of this name."""

    image_id: UUID
    owner: Slug
    actor: Slug
    campaign: Slug
    content: Content
    wanted: tuple[Wanted, ...]
