"""Models and their cards: what is read, what is given to a network, what is refused and how."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from services.analyzer.models import shelf
from services.analyzer.models.card import MIB, Card, Input, Model, WrongModel, card_of, read
from services.analyzer.models.check import check
from services.analyzer.models.network import Network
from services.analyzer.models.prepared import middle, prepared
from tests import networks
from tests.networks import INPUT, written

CPU = ["CPUExecutionProvider"]
FOUR = np.array([[[255, 0, 0], [0, 128, 0]], [[0, 0, 64], [10, 20, 30]]], np.uint8)


def wanted(**more: Any) -> Input:
    return Input(**{**INPUT, "width": 2, "height": 2, "mean": 0.0, "scale": 1.0, **more})


def model(folder: Path, network: bytes, input: dict[str, Any] | None = None, **card: Any) -> Model:
    return read(card_of(written(folder, network, input, **card)))


def checked(model: Model, memory: int = 1024 * MIB, seconds: float = 20) -> None:
    check(model, memory, seconds, CPU)


# What a network is given


@pytest.mark.parametrize("colors", ["RGB", "BGR"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_picture_becomes_the_numbers_that_its_card_says(layout: Any, colors: Any) -> None:
    mean, scale = (10.0, 20.0, 30.0), (0.5, 0.25, 2.0)
    found = prepared(Image.fromarray(FOUR), wanted(layout=layout, colors=colors, mean=mean, scale=scale))
    pixels = FOUR.astype(float) if colors == "RGB" else FOUR.astype(float)[:, :, ::-1]
    expected = np.empty((2, 2, 3))
    for channel in range(3):
        expected[:, :, channel] = (pixels[:, :, channel] - mean[channel]) * scale[channel]
    if layout == "NCHW":
        expected = np.moveaxis(expected, 2, 0)
    assert found.dtype == np.float32
    assert found.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(found, expected[np.newaxis].astype(np.float32))


def test_the_network_receives_them_in_that_order(tmp_path: Path) -> None:
    labels = [str(number) for number in range(12)]
    size = {"width": 2, "height": 2, "mean": 1.0, "scale": 1.0}
    for layout in ("NCHW", "NHWC"):
        echo = model(tmp_path / layout, networks.echo(layout), size | {"layout": layout}, labels=labels, softmax=False)
        order = (2, 0, 1) if layout == "NCHW" else (0, 1, 2)
        answered = Network(echo, CPU).scores(Image.fromarray(FOUR))
        assert answered.tolist() == (FOUR.transpose(order).astype(float) - 1).ravel().tolist()


@pytest.mark.parametrize(
    ("size", "input", "box"),
    [
        ((400, 300), {"width": 224, "height": 224}, (50, 0, 350, 300)),
        ((300, 400), {"width": 224, "height": 224, "crop_pct": 0.875}, (19, 69, 281, 331)),
        ((400, 300), {"width": 200, "height": 100}, (0, 50, 400, 250)),
        ((1600, 1), {"width": 224, "height": 224}, (799, 0, 800, 1)),
        ((3, 2), {"width": 224, "height": 224, "crop_pct": 0.01}, (1, 0, 2, 1)),
    ],
)
def test_a_crop_is_the_middle_in_the_inputs_proportions(
    size: tuple[int, int], input: dict[str, Any], box: tuple[int, ...]
) -> None:
    assert middle(size, wanted(resize="crop", **input)) == box


def test_a_crop_leaves_the_sides_out_and_stretch_does_not() -> None:
    picture = Image.new("RGB", (30, 10), "red")
    picture.paste("blue", (10, 0, 20, 10))
    cropped = prepared(picture, wanted(resize="crop", layout="NHWC"))
    assert cropped.reshape(-1, 3).tolist() == [[0, 0, 255]] * 4
    assert prepared(picture, wanted(resize="stretch", layout="NHWC"))[..., 0].min() > 50


def test_what_is_see_through_is_white() -> None:
    assert (prepared(Image.new("RGBA", (5, 5), (0, 0, 0, 0)), wanted()) == 255).all()


# Answers


def test_scores_are_the_softmax_of_logits_where_the_card_says_so(tmp_path: Path) -> None:
    red = Image.new("RGB", (40, 30), (160, 80, 0))
    logits = model(tmp_path / "logits", networks.colours())
    plain = model(tmp_path / "plain", networks.colours(), softmax=False)
    powers = np.exp([10, 5, 0])
    assert Network(plain, CPU).scores(red).tolist() == [10, 5, 0]
    assert Network(logits, CPU).scores(red).tolist() == np.round(powers / powers.sum(), 4).tolist()


# What is refused


@pytest.mark.parametrize(
    ("card", "input", "says"),
    [
        ({"name": None}, {}, "missing required field `name`"),
        ({"labels": None}, {}, "missing required field `labels`"),
        ({"labels": []}, {}, "holds no label"),
        ({"labels": ["red", " ", "blue"]}, {}, "label 2 must be 1 to 200 printable characters"),
        ({"labels": "nowhere.txt"}, {}, "nowhere.txt: there is no such file"),
        ({"labels": "../../etc/passwd"}, {}, "`$.labels`"),
        ({"version": 0}, {}, "`$.version`"),
        ({"softmax": "yes"}, {}, "`$.softmax`"),
        ({"colour": "red"}, {}, "unknown field `colour`"),
        ({}, {"layout": "CHWN"}, "`$.input.layout`"),
        ({}, {"mean": [1.0, 2.0]}, "`$.input.mean`"),
        ({}, {"scale": None}, "missing required field `scale`"),
        ({}, {"width": 100_000}, "`$.input.width`"),
        ({}, {"crop_pct": 1.5}, "`$.input.crop_pct`"),
    ],
)
def test_a_wrong_card_is_refused_in_one_line(
    tmp_path: Path, card: dict[str, Any], input: dict[str, Any], says: str
) -> None:
    with pytest.raises(WrongModel) as refused:
        model(tmp_path, networks.colours(), input, **card)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", [b"name = ", b"\xff\xfe", b"#" * (MIB + 1), b"mean = nan"])
def test_what_is_no_card_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "card.toml").write_bytes(text)
    with pytest.raises(WrongModel, match=r"card\.toml: "):
        read(tmp_path / "card.toml")


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongModel, match=r"input\.mean must be a number"):
        model(tmp_path, networks.colours(), {"mean": float("nan")})


def test_a_card_is_found_by_its_folder_its_own_name_or_its_networks(tmp_path: Path) -> None:
    card = written(tmp_path, networks.colours()) / "card.toml"
    assert card_of(tmp_path) == card_of(card) == card_of(tmp_path / "colours.onnx") == card
    (tmp_path / "colours.toml").write_text("another")
    assert card_of(tmp_path / "colours.onnx") == tmp_path / "colours.toml"
    with pytest.raises(WrongModel, match="holds 2 model cards"):
        card_of(tmp_path)


@pytest.mark.parametrize(
    ("network", "input", "card", "says"),
    [
        (b"no network at all", {}, {}, "cannot be loaded as ONNX"),
        (b"", {}, {}, "cannot be loaded as ONNX"),
        (networks.colours(labels=4), {}, {}, "answers with 4 numbers, and its card has 3 labels"),
        (networks.colours(), {"name": "data"}, {}, "its inputs are image; the card has input.name = 'data'"),
        (networks.colours(), {"width": 9}, {}, "takes batch × 3 × 8 × 8, and its card says 1 × 3 × 8 × 9"),
        (networks.colours("NHWC"), {}, {}, "takes batch × 8 × 8 × 3, and its card says 1 × 3 × 8 × 8"),
        (networks.colours(batch=2), {}, {}, "takes 2 × 3 × 8 × 8"),
        (networks.colours(), {}, {"output": "scores"}, "has no output 'scores'; its outputs are answer"),
        (networks.colours(), {"scale": 1e38}, {}, "answers with what is no number"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_network_that_is_not_what_its_card_says_is_refused(
    tmp_path: Path, network: bytes, input: dict[str, Any], card: dict[str, Any], says: str
) -> None:
    with pytest.raises(WrongModel) as refused:
        checked(model(tmp_path, network, {"mean": 255.0} | input, **card))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_network_that_fits_passes(tmp_path: Path) -> None:
    checked(model(tmp_path, networks.colours()))
    checked(model(tmp_path, networks.colours("NHWC", batch=1), {"layout": "NHWC"}, output="answer"))


def test_a_network_that_never_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongModel, match="takes longer than 2 s for one picture"):
        checked(model(tmp_path, networks.hangs_on_red(), {"mean": -255.0}), seconds=2)


def test_a_network_that_needs_more_memory_than_a_decoder_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongModel, match="does not fit, and a decoder may have 1,024 MiB; give it more with FRAMELOG_"):
        checked(model(tmp_path, networks.hoards_on_red(), {"mean": -255.0}))


def test_a_network_larger_than_that_memory_is_not_even_loaded(tmp_path: Path) -> None:
    huge = model(tmp_path, networks.colours())
    with huge.network.open("r+b") as file:
        file.truncate(2048 * MIB)
    with pytest.raises(WrongModel, match="has 2,048 MiB, and a decoder may have 1,024 MiB"):
        checked(huge)


def test_an_execution_provider_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongModel, match="FRAMELOG_ONNX_PROVIDERS: this onnxruntime has no AbacusExecutionProvider"):
        check(model(tmp_path, networks.colours()), 1024 * MIB, 20, ["AbacusExecutionProvider"])


# The shelf


def nothing(_: Model) -> None:
    pass


def test_the_newest_version_is_used_and_the_older_ones_stay(tmp_path: Path) -> None:
    home = tmp_path / "models"
    assert (shelf.versions(home), shelf.newest(home)) == ([], None)
    for version in (2, 10):
        assert shelf.add(home, model(tmp_path / str(version), networks.colours(), version=version), nothing)
    assert shelf.versions(home) == [2, 10]
    newest = shelf.newest(home)
    assert newest is not None
    assert (newest.card.version, newest.folder) == (10, home / "classification" / "10")


def test_adding_the_same_again_changes_nothing(tmp_path: Path) -> None:
    colours = model(tmp_path / "model", networks.colours())
    assert shelf.add(tmp_path, colours, nothing)
    assert not shelf.add(tmp_path, colours, nothing)


@pytest.mark.parametrize("version", [1, 2])
def test_another_model_must_have_a_higher_version(tmp_path: Path, version: int) -> None:
    shelf.add(tmp_path, model(tmp_path / "model", networks.colours(), version=2), nothing)
    other = model(tmp_path / "other", networks.colours(), labels=["rot", "grün", "blau"], version=version)
    with pytest.raises(WrongModel, match=r"version 2 is installed; .* a higher one, as in version = 3"):
        shelf.add(tmp_path, other, nothing)
    assert shelf.versions(tmp_path) == [2]


def test_what_fails_its_check_or_was_left_half_copied_is_never_found(tmp_path: Path) -> None:
    colours = model(tmp_path / "model", networks.colours())
    half = tmp_path / "classification" / ".unfinished"
    half.mkdir(parents=True)
    (half / "colours.onnx").write_bytes(b"half")

    def refuse(copy: Model) -> None:
        assert shelf.versions(tmp_path) == []
        raise WrongModel(f"{copy.network}: is wrong")

    with pytest.raises(WrongModel) as refused:
        shelf.add(tmp_path, colours, refuse)
    assert str(refused.value) == f"{colours.network}: is wrong"  # what its user knows, not the copy
    assert list((tmp_path / "classification").iterdir()) == []


def test_labels_in_a_file_are_installed_with_the_network(tmp_path: Path) -> None:
    folder = written(tmp_path / "model", networks.colours(), labels="labels.txt")
    (folder / "labels.txt").write_text("rot\ngrün\nblau\n")
    shelf.add(tmp_path, read(card_of(folder)), checked)
    (folder / "labels.txt").unlink()
    newest = shelf.newest(tmp_path)
    assert newest is not None
    assert newest.labels == ("rot", "grün", "blau")


def test_the_card_in_the_docs_is_one_and_every_field_is_explained(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "classification.md").read_text()
    (tmp_path / "card.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    (tmp_path / "mobilenetv2.onnx").touch()
    (tmp_path / "imagenet.txt").write_text("\n".join(f"label {number}" for number in range(1000)))
    assert len(read(tmp_path / "card.toml").labels) == 1000
    fields = {*Card.__struct_fields__, *(f"input.{name}" for name in Input.__struct_fields__)} - {"input"}
    assert {name for name in fields if f"`{name}`" not in page} == set()
