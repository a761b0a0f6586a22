"""A model card: what a network wants of a picture and what its answers mean, in a small TOML file beside it."""

import math
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

MIB = 1024 * 1024
LONGEST_LABEL = 200  # characters: ImageNet names a dragonfly in 121
DOCS = "docs/classification.md"

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""Of a model, and of a file beside its card: no path leads out of the folder."""

Side = Annotated[int, Meta(ge=1, le=2048)]
Channels = float | tuple[float, float, float]


class WrongModel(Exception):
    """One line: what is wrong with a model or its card, and what to do about it."""


class Input(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a picture becomes numbers: (pixel - mean) * scale, the pixel being 0 to 255.

    `mean` and `scale` are of every channel, or of each in the order of `colors`. `crop` takes the largest part from
    the middle that has the input's proportions, and of its sides `crop_pct`; `stretch` takes all of the picture.
    """

    name: str
    width: Side
    height: Side
    layout: Literal["NCHW", "NHWC"]
    colors: Literal["RGB", "BGR"]
    mean: Channels
    scale: Channels
    resize: Literal["crop", "stretch"]
    crop_pct: Annotated[float, Meta(gt=0, le=1)] = 1.0


class Card(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`labels` are in the order of the network's answers: a list, or the name of a file beside the card, one a line.

    `softmax`: the network answers with logits, of which softmax makes scores. `output` is its first unless named.
    """

    name: Name
    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    model: Name
    labels: tuple[str, ...] | Name
    softmax: bool
    input: Input
    output: str | None = None


class Model(Struct, frozen=True):
    """A card that was read, in `folder` beside the files that it names."""

    folder: Path
    file: str
    card: Card
    labels: tuple[str, ...]

    @property
    def network(self) -> Path:
        return self.folder / self.card.model

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the model by its name, the card first."""
        labels = (self.card.labels,) if isinstance(self.card.labels, str) else ()
        return (self.file, self.card.model, *labels)


def read(path: Path) -> Model:
    """The model whose card lies at `path`. Raises WrongModel; whether the network fits is for `network` to say."""
    card = _decoded(path)
    _refuse_infinite(path, card.input)
    if not (path.parent / card.model).is_file():
        raise WrongModel(f"{path}: model = {card.model!r}, and there is no such file beside the card")
    return Model(path.parent, path.name, card, _labels(path, card))


def card_of(path: Path) -> Path:
    """The card of what a user names: the card, the network with a card of its name, or the folder of both."""
    if path.is_dir():
        return _only_card(path)
    card = path.with_suffix(".toml")
    return card if card.is_file() else _only_card(path.parent)


def _only_card(folder: Path) -> Path:
    cards = sorted(folder.glob("*.toml"))
    if len(cards) == 1:
        return cards[0]
    if cards:
        raise WrongModel(f"{folder}: holds {len(cards)} model cards; name one of them")
    raise WrongModel(f"{folder}: holds no model card (a .toml); {DOCS} shows what to write into it")


def _decoded(path: Path) -> Card:
    try:
        return msgspec.toml.decode(_text(path), type=Card)
    except msgspec.DecodeError as error:
        raise WrongModel(f"{path}: {error}; {DOCS} has every field of a card") from None


def _refuse_infinite(path: Path, wanted: Input) -> None:
    for name, value in (("mean", wanted.mean), ("scale", wanted.scale)):
        if not all(map(math.isfinite, value if isinstance(value, tuple) else (value,))):
            raise WrongModel(f"{path}: input.{name} must be a number, or one for each channel")


def _labels(path: Path, card: Card) -> tuple[str, ...]:
    listed = isinstance(card.labels, tuple)
    source = path if listed else path.parent / str(card.labels)
    labels = card.labels if isinstance(card.labels, tuple) else tuple(_text(source).splitlines())
    if not labels:
        raise WrongModel(f"{source}: holds no label; give one for each answer of the network, in its order")
    for number, label in enumerate(labels, start=1):
        if not label.strip() or len(label) > LONGEST_LABEL or not label.isprintable():
            raise WrongModel(f"{source}: label {number} must be 1 to {LONGEST_LABEL} printable characters")
    return tuple(label.strip() for label in labels)


def _text(path: Path) -> str:
    if not path.is_file():
        raise WrongModel(f"{path}: there is no such file")
    if path.stat().st_size > MIB:
        raise WrongModel(f"{path}: has more than {MIB:,} bytes, which no card and no list of labels needs")
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongModel(f"{path}: cannot be read as UTF-8 text: {error}") from None
