"""The size that the params of a thumbnail ask for."""

from contracts.events import Params
from services.analyzer.algorithm import Unable, whole
from services.analyzer.decoded import fit_into
from services.analyzer.header import Size
from services.analyzer.jobs import ALONE_ABOVE

LONGEST = 8192  # of a side that can be asked for
UNASKED = 512  # both sides, where neither is asked for


def size_for(picture: Size, params: Params, cap: int) -> Size:
    """Upright. Raises Unable for more pixels than the picture has, where they are more than 16 million or than `cap`.

    `contain` fits into the box and is never enlarged. `cover` and `fill` are exactly the box, enlarged where they must
    be: a layout asks for them because it counts on the size.
    """
    asked = whole(params, "width"), whole(params, "height")
    box = asked if any(asked) else (UNASKED, UNASKED)
    size = _exactly(picture, *box) if params.get("fit") in ("cover", "fill") else _within(picture, *box)
    most = max(picture[0] * picture[1], min(ALONE_ABOVE, cap))
    if size[0] * size[1] > most:
        raise Unable("invalid-params", f"{size[0]} × {size[1]} px, of at most {most} pixels")
    return size


def _within(picture: Size, width: int | None, height: int | None) -> Size:
    return fit_into(picture, (width or LONGEST, height or LONGEST))


def _exactly(picture: Size, width: int | None, height: int | None) -> Size:
    """A side that is not asked for keeps the picture's proportions, as far as it may."""
    across = width or round((height or 1) * picture[0] / picture[1])
    down = height or round((width or 1) * picture[1] / picture[0])
    return min(max(across, 1), LONGEST), min(max(down, 1), LONGEST)
