"""What `make demo` shows: whose pictures, what is said of them, and who likes which."""

from dataclasses import dataclass

from examples.landscapes import Landscape

ANN, BEN = "demo-ann", "demo-ben"
FUJI, NIKON = ("FUJIFILM", "X-T5"), ("NIKON CORPORATION", "NIKON Z 6_2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A picture of somebody's. With a `caption` it is posted; `liked` says whether the other likes the post."""

    owner: str
    title: str
    tags: tuple[str, ...]
    landscape: Landscape
    visibility: str = "private"
    caption: str | None = None
    liked: bool = False

    @property
    def filename(self) -> str:
        return self.title.lower().replace(" ", "-") + ".jpg"


ALBUM = (
    Entry(
        owner=ANN,
        title="The sea at dawn",
        tags=("sea", "dawn"),
        visibility="public",
        caption="Up at five for this",
        liked=True,
        landscape=Landscape(
            seed=1,
            sky=((46, 62, 110), (250, 190, 150)),
            ground=((170, 140, 150), (24, 40, 74)),
            sun=(0.62, 0.5),
            light=(255, 236, 200),
            waves=True,
            camera=FUJI,
            taken="2024:05:06 05:12:40",
        ),
    ),
    Entry(
        owner=ANN,
        title="Blue hills",
        tags=("hills",),
        visibility="public",
        caption="Where the bus ends",
        liked=True,
        landscape=Landscape(
            seed=2,
            sky=((96, 150, 210), (222, 234, 240)),
            ground=((150, 176, 204), (18, 44, 66)),
            sun=(0.2, 0.2),
            light=(255, 250, 235),
            camera=FUJI,
            taken="2024:06:15 10:20:00",
        ),
    ),
    Entry(
        owner=ANN,
        title="Evening on the ridge",
        tags=("hills", "dusk"),
        caption="Only the post shows this one: the image is private",
        landscape=Landscape(
            seed=3,
            sky=((70, 40, 90), (240, 120, 70)),
            ground=((150, 80, 90), (26, 14, 36)),
            sun=(0.7, 0.52),
            light=(255, 214, 150),
            camera=FUJI,
            taken="2024:07:02 20:48:11",
        ),
    ),
    Entry(
        owner=ANN,
        title="A grey morning",
        tags=("sea",),
        landscape=Landscape(
            seed=4,
            sky=((150, 158, 164), (206, 210, 210)),
            ground=((160, 168, 172), (62, 76, 84)),
            sun=(0.4, 0.3),
            light=(230, 232, 230),
            waves=True,
            camera=FUJI,
            taken="2024:11:20 08:01:00",
        ),
    ),
    Entry(
        owner=BEN,
        title="Green valley",
        tags=("hills", "spring"),
        visibility="public",
        caption="First warm day",
        liked=True,
        landscape=Landscape(
            seed=5,
            sky=((110, 178, 226), (236, 244, 236)),
            ground=((164, 196, 130), (26, 68, 34)),
            sun=(0.8, 0.18),
            light=(255, 252, 230),
            camera=NIKON,
            taken="2023:04:22 14:05:30",
        ),
    ),
    Entry(
        owner=BEN,
        title="Night crossing",
        tags=("sea", "night"),
        visibility="public",
        caption="The moon, not the sun",
        landscape=Landscape(
            seed=6,
            sky=((6, 10, 28), (38, 50, 88)),
            ground=((34, 46, 78), (4, 8, 20)),
            sun=(0.35, 0.25),
            light=(226, 232, 250),
            waves=True,
            camera=NIKON,
            taken="2023:08:30 23:15:00",
        ),
    ),
    Entry(
        owner=BEN,
        title="Desert before noon",
        tags=("desert",),
        landscape=Landscape(
            seed=7,
            sky=((120, 170, 214), (244, 226, 190)),
            ground=((232, 190, 130), (150, 84, 44)),
            sun=(0.5, 0.15),
            light=(255, 248, 220),
            camera=NIKON,
            taken="2022:10:11 10:58:00",
        ),
    ),
)
JOBS = (
    ("thumbnail", {"width": 480, "height": 480, "fit": "cover", "format": "webp"}),
    ("poi_detection", {"count": 40}),
    ("compress", {"format": "webp", "quality": 70}),
)
"""Asked of each one's first picture."""
