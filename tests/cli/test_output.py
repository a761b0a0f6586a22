"""What commands print, to people and to programs."""

import os
import time
from pathlib import Path

import httpx
import pytest

from cli.client import Refused
from cli.described import Words
from cli.output import bytes_in_words, minute, printable, table
from cli.resume import KEPT, Run


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_401_222, "3.4 MB"), (612e6, "612 MB"), (2e12, "2.0 TB")],
)
def test_sizes_are_said_in_powers_of_ten(count: float, words: str) -> None:
    assert bytes_in_words(count) == words


def test_times_are_said_to_the_minute() -> None:
    assert minute("2024-05-06T07:08:09.123456Z") == "2024-05-06 07:08"
    assert minute(None) == ""


def test_a_file_name_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\u202ec\r\nd\udcff é 写真") == "a�[2Jb�c��d� é 写真"


def test_a_table_on_a_pipe_is_tab_separated_and_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    table(["image", "file"], [["5f0c2a54", "x" * 500], ["6a", "two\nlines\t"]])
    assert capsys.readouterr().out == f"5f0c2a54\t{'x' * 500}\n6a\ttwo�lines�\n"


PLAIN, COLOURED = Words(coloured=False), Words(coloured=True)
PALETTE = [{"color": "#000000", "share": 0.75}, {"color": "#ffffff", "share": 0.25}]


def test_values_are_put_in_words() -> None:
    assert (
        PLAIN.value({"latitude": 48.1, "longitude": -11.5, "altitude": None}).plain == "latitude 48.1, longitude -11.5"
    )
    assert PLAIN.value([1, True, "x"]).plain == "1, yes, x"
    assert PLAIN.value(0.004).plain == "0.004"


def test_colours_are_shown_where_they_can_be_and_spelt_out_elsewhere() -> None:
    assert "on #2a6f97" in str(COLOURED.value("#2a6f97").spans[0].style)
    assert PLAIN.value("#2a6f97").plain == "#2a6f97"
    assert [span.end - span.start for span in COLOURED.value(PALETTE).spans] == [30, 10]
    assert PLAIN.value(PALETTE).plain == "color #000000, share 0.75, color #ffffff, share 0.25"


def test_every_algorithm_says_what_it_found_or_why_it_found_nothing() -> None:
    analysis = {
        "results": {"exif": {"algorithm_version": "1", "result": {"make": "Canon", "iso": 200, "gps": None}}},
        "failures": [{"algorithm": "thumbnail", "detail": "the image is damaged"}],
    }
    assert [tuple(cell.plain for cell in row) for row in PLAIN.found(analysis)] == [
        ("exif 1", "make", "Canon"),
        ("exif 1", "iso", "200"),
        ("thumbnail", "failed", "the image is damaged"),
    ]


@pytest.mark.parametrize(
    ("status", "code"), [(404, 1), (412, 1), (409, 1), (422, 2), (401, 2), (415, 2), (500, 3), (502, 3)]
)
def test_a_refusal_has_its_exit_code(status: int, code: int) -> None:
    assert Refused(httpx.Response(status, request=httpx.Request("GET", "http://a"))).exit_code == code


def test_a_refusal_is_one_line_with_the_fields_at_fault() -> None:
    problem = {
        "title": "The request breaks a rule of this address",
        "detail": "2 values are wrong",
        "errors": [
            {"pointer": "/query/color", "detail": "not #rrggbb"},
            {"pointer": "/query/limit", "detail": "too large"},
        ],
    }
    refused = Refused(httpx.Response(422, json=problem, request=httpx.Request("GET", "http://a")))
    assert str(refused) == (
        "The request breaks a rule of this address: 2 values are wrong"
        "; /query/color: not #rrggbb; /query/limit: too large"
    )


def test_a_refusal_by_something_else_than_framelog_is_said_all_the_same() -> None:
    refused = Refused(httpx.Response(403, text="<html>", request=httpx.Request("GET", "http://a")))
    assert str(refused) == "HTTP 403 Forbidden"


def test_a_run_that_was_cut_short_keeps_its_keys_for_an_hour(tmp_path: Path) -> None:
    first, again = Run(tmp_path), Run(tmp_path)
    assert first.key("abc", {"tags": []}) == again.key("abc", {"tags": []})
    assert first.key("abc", {"tags": ["x"]}) != first.key("abc", {"tags": []})
    long_ago = time.time() - KEPT - 1
    os.utime(tmp_path / "unfinished-upload", (long_ago, long_ago))
    assert Run(tmp_path).name != first.name


def test_where_nothing_can_be_kept_a_run_has_keys_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Run(tmp_path / "file").key("abc", {}) != Run(tmp_path / "file").key("abc", {})
    Run(tmp_path / "file").done()
