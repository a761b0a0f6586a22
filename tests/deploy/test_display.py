"""Steps are lines of text where nobody watches, and a picture where somebody does."""

import io

import pytest

from deploy.local.display import Display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_without_a_terminal_each_step_is_a_line_at_its_start_and_one_at_its_end() -> None:
    out = io.StringIO()
    with Display(out) as display:
        with display.step("Kafka"):
            display.say("kafka was left by an earlier run: ended it")
        with pytest.raises(OSError, match="no network"), display.step("MinIO"):
            raise OSError("no network")
        with pytest.raises(KeyboardInterrupt), display.step("Postgres"):
            raise KeyboardInterrupt
    assert out.getvalue().splitlines() == [
        "Kafka: …",
        "kafka was left by an earlier run: ended it",
        "Kafka: done (0.0 s)",
        "MinIO: …",
        "MinIO: failed (0.0 s)",
        "Postgres: …",
        "Postgres: stopped (0.0 s)",
    ]
    assert "\x1b" not in out.getvalue()


def last_picture(out: io.StringIO) -> list[str]:
    return out.getvalue().rpartition("\x1b[J")[2].splitlines()


def test_on_a_terminal_the_picture_ends_with_each_step_marked() -> None:
    out = Terminal()
    with Display(out) as display:
        with display.step("Kafka") as step:
            step.progress(1, 4)
            step.note = "Copying"
            display.say("a line that stays")
        with pytest.raises(OSError, match="x"), display.step("MinIO"):
            raise OSError("x")
    assert "Kafka                   0.0 s  █████░░░░░░░░░░░░░░░  25%  Copying" in out.getvalue()
    done, failed = last_picture(out)
    assert done == "\x1b[32m✓\x1b[0m Kafka                   0.0 s"
    assert failed == "\x1b[31m✗\x1b[0m MinIO                   0.0 s"
    assert out.getvalue().count("a line that stays\n") == 1


def test_colour_is_left_out_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    with Display(out) as display, display.step("Kafka"):
        pass
    assert last_picture(out) == ["✓ Kafka                   0.0 s"]
