import pytest

from services.ingest.filenames import safe


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("beach.jpg", "beach.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\beach.jpg", "beach.jpg"),
        ("/", "image.png"),
        ("..", "image.png"),
        (" . . ", "image.png"),
        ("", "image.png"),
        (None, "image.png"),
        ("a\0b.png", "ab.png"),
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie: x.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("a\u200fb\u2066c\u2069.png", "abc.png"),
        ("a\u2028b\ufeff.png", "ab.png"),
        ("  spaced  .png ", "spaced  .png"),
        ("e\u0301te\u0301.png", "été.png"),
        ("семья 👨\u200d👩.png", "семья 👨\u200d👩.png"),
        (".hidden", ".hidden"),
        ("a\ud800b.png", "ab.png"),
    ],
)
def test_a_name_is_made_safe(given: str | None, stored: str) -> None:
    assert safe(given, "image/png") == stored


@pytest.mark.parametrize("letter", ["a", "é", "界", "👩"])
def test_a_long_name_is_cut_in_its_stem_to_255_bytes(letter: str) -> None:
    name = safe(letter * 10_000 + ".jpeg", "image/jpeg")
    assert name.endswith(letter + ".jpeg")
    assert 250 < len(name.encode()) <= 255


def test_what_is_too_long_for_an_extension_is_none() -> None:
    assert len(safe("a." + "b" * 10_000, "image/png").encode()) == 255


@pytest.mark.parametrize(
    ("media_type", "name"), [("image/jpeg", "image.jpg"), ("image/heic", "image.heic"), ("image/tiff", "image.tiff")]
)
def test_a_nameless_picture_is_named_after_its_kind(media_type: str, name: str) -> None:
    assert safe(None, media_type) == name
