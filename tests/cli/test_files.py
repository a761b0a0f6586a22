"""Which files an upload takes, and which it passes over."""

import os
from pathlib import Path

import pytest

from cli.files import Found, Left, find
from tests.pictures import photograph

PICTURE = photograph(32, 24)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.JPG", "no-suffix", "below/c.png", "below/deeper/d.webp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE)
    (tmp_path / "README.md").write_text("about these pictures")
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    return tmp_path


def found(*paths: Path, recursive: bool = False) -> list[str]:
    return [one.path.name for one in find(paths, recursive) if isinstance(one, Found)]


def left(*paths: Path, recursive: bool = False) -> dict[str, tuple[str, bool]]:
    return {one.path.name: (one.why, one.wrong) for one in find(paths, recursive) if isinstance(one, Left)}


def test_a_folder_gives_its_own_images_in_order(folder: Path) -> None:
    assert found(folder) == ["a.JPG", "b.jpg", "no-suffix"]


def test_recursive_goes_into_the_folders_of_a_folder(folder: Path) -> None:
    assert found(folder, recursive=True) == ["a.JPG", "b.jpg", "c.png", "d.webp", "no-suffix"]


def test_what_a_folder_holds_beside_images_is_named_and_no_failure(folder: Path) -> None:
    assert left(folder) == {
        "README.md": ("not an image", False),
        "below": ("a folder: --recursive goes into it", False),
    }


def test_a_file_that_was_named_is_sent_whatever_it_is(folder: Path) -> None:
    assert found(folder / "README.md", folder / ".DS_Store") == ["README.md", ".DS_Store"]


def test_an_image_suffix_is_enough_for_the_api_to_judge_the_bytes(folder: Path) -> None:
    (folder / "damaged.jpg").write_bytes(b"not a picture")
    assert "damaged.jpg" in found(folder)


def test_a_file_given_twice_is_sent_once(folder: Path) -> None:
    assert found(folder / "b.jpg", folder, folder / "below" / ".." / "b.jpg") == ["b.jpg", "a.JPG", "no-suffix"]


def test_links_that_go_in_circles_end(folder: Path) -> None:
    (folder / "below" / "up").symlink_to(folder)
    assert found(folder, recursive=True) == ["a.JPG", "b.jpg", "c.png", "d.webp", "no-suffix"]


def test_what_cannot_be_read_fails_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    assert left(tmp_path / "missing.jpg", tmp_path) == {
        "missing.jpg": ("no such file or directory", True),
        "gone.jpg": ("no such file or directory", True),
    }


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert left(tmp_path) == {"pipe.jpg": ("not a file", True)}
