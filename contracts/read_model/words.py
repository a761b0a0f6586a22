"""How text is cut into words, the same for what is stored and for what is asked."""

import re
from collections.abc import Iterable

LONGEST_WORD = 100
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def words(*texts: str | None) -> list[str]:
    """The distinct words of some texts, case-folded and sorted; a word is cut at 100 characters."""
    folded = " ".join(text for text in texts if text).casefold()
    return sorted({word[:LONGEST_WORD] for word in _BETWEEN_WORDS.split(folded) if word})


def begins_with_all(asked: Iterable[str]) -> str:
    """The tsquery, as text, that each word must be the beginning of a stored one. Words hold no quotes."""
    return " & ".join(f"'{word}':*" for word in asked)
