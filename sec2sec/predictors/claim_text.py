"""What a predictor says in words, "00:12–00:14, her voice breaks", as the claims of its answer.

Read are times, and whether the words speak of sound or of picture alone; nothing else is understood, negation least of
all. What was read stands beside each verdict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

CLOCK = r"(?:(?:\d{1,2}:)?\d{1,3}:\d{2}(?:[.,]\d{1,3})?)"
NUMBER = r"(?:\d{1,5}(?:[.,]\d{1,3})?)"
UNIT = r"(?:[\s-]?(?:seconds|second|secs|sec|s)\b)"
TO = r"\s*(?:–|—|-|−|to|until|and|through)\s*"
TIMES = re.compile(  # two clocks, two numbers of seconds, one clock, or one number of seconds
    rf"(?<![\d:.])({CLOCK}){TO}({CLOCK})(?![\d:])"
    rf"|(?<![\d:.])({NUMBER}){UNIT}?{TO}({NUMBER}){UNIT}"
    rf"|(?<![\d:.])({CLOCK})(?![\d:])"
    rf"|(?<![\d:.])({NUMBER}){UNIT}",
    re.IGNORECASE,
)
MOMENT = 1.0  # s that a single time stands for
SOUND = re.compile(
    r"\b(sounds?|soundtrack|audio|voices?|vocal|speech|spoken|music|noises?|heard|hear)\b", re.IGNORECASE
)
PICTURE = re.compile(r"\b(pictures?|video|visual|images?|faces?|facial|frames?|seen|see|looks?)\b", re.IGNORECASE)


def claims_from_text(reasons: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """The keys `claims` and `modality` of a predictor's answer. reasons: by target, what it says, the strongest first.

    A time alone stands for the second that it begins. The modality is named where all words about one are about the
    same. A target whose words name neither has no claim.

        claims_from_text({"arousal": "00:12–00:14, her voice breaks"})
        {"claims": {"arousal": [[12.0, 14.0]]}, "modality": {"arousal": "audio"}}
    """
    claims: dict[str, object] = {}
    modality: dict[str, object] = {}
    for target, text in reasons.items():
        if times := times_of(text):
            claims[target] = [list(time) for time in times]
        speaks_of = bool(SOUND.search(text)), bool(PICTURE.search(text))
        if speaks_of in ((True, False), (False, True)):
            modality[target] = "audio" if speaks_of[0] else "video"
    return {key: named for key, named in (("claims", claims), ("modality", modality)) if named}


def times_of(text: str) -> list[tuple[float, float]]:
    """Begin and end in s of every time in a text, in its order; each once."""
    times = []
    for first_clock, last_clock, first, last, clock, number in TIMES.findall(text):
        if first_clock:
            times.append((_clock(first_clock), _clock(last_clock)))
        elif first:
            times.append((_number(first), _number(last)))
        else:
            begin = _clock(clock) if clock else _number(number)
            times.append((begin, begin + MOMENT))
    return list(dict.fromkeys(times))


def _clock(text: str) -> float:
    """12 of 00:12, 3612.5 of 1:00:12.5."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + _number(part)
    return seconds


def _number(text: str) -> float:
    return float(text.replace(",", "."))
