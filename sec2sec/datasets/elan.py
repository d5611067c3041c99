"""Annotations of ELAN (.eaf): one tier as a rating track.

The file may come from a stranger: it is read by expat without a document type, so that no entity can be declared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

import numpy as np

from sec2sec.datasets.table import DEFAULT_LIMITS, DataError, TableLimits, read_bytes, some
from sec2sec.datasets.tracks import RatingTrack

TIER_RATE = 10  # values per second of a track that is made of intervals
MAX_TIER_SECONDS = 86_400  # a day
MAX_ANNOTATIONS = 200_000
MAX_LABELS = 50  # different words of a tier


@dataclass
class _Tier:
    name: str
    intervals: list[tuple[str, str, str]] = field(default_factory=list)  # slots of beginning and end, and the text
    dependent: int = 0  # annotations that refer to those of another tier, and have no times


def read_eaf(path: Path | str, tier: str = "", limits: TableLimits = DEFAULT_LIMITS) -> RatingTrack:
    """One tier of a file of ELAN, at TIER_RATE values per second. Raises DataError.

    A tier of numbers becomes one value, under the tier's name: at each instant that of the annotation there, else NaN.
    A tier of words becomes a value for each word: 1 where an annotation says it, else 0. tier: its name; may be left
    out where one tier alone has annotations.
    """
    path = Path(path)
    slots, tiers = _parse(path, read_bytes(path, limits))
    chosen = _choose(path, tiers, tier)
    spans = [_span(path, chosen.name, slots, interval) for interval in chosen.intervals]
    return _sampled(path, chosen.name, [(start, end, text) for start, end, text in spans if end > start])


def _choose(path: Path, tiers: Mapping[str, _Tier], name: str) -> _Tier:
    usable = [tier.name for tier in tiers.values() if tier.intervals]
    if name:
        if name not in tiers:
            raise DataError(f"{path}: has no tier {name[:60]!r}; its tiers are {some(list(tiers))}")
        if not tiers[name].intervals:
            why = "only annotations that refer to another tier" if tiers[name].dependent else "no annotation"
            raise DataError(f"{path}: the tier {name[:60]!r} has {why}; tiers with times: {some(usable)}")
        return tiers[name]
    if len(usable) != 1:
        what = f"{len(usable)} tiers have annotations with times, {some(usable)}" if usable else "no tier has any times"
        raise DataError(f"{path}: {what}; name the tier to read")
    return tiers[usable[0]]


def _span(
    path: Path, tier: str, slots: Mapping[str, float | None], interval: tuple[str, str, str]
) -> tuple[float, float, str]:
    start, end, text = interval
    for slot in (start, end):
        if slots.get(slot) is None:
            raise DataError(
                f"{path}: an annotation of the tier {tier[:60]!r} ({text[:30]!r}) has no time; align it in ELAN"
            )
    return float(slots[start] or 0.0), float(slots[end] or 0.0), text


def _sampled(path: Path, tier: str, spans: Sequence[tuple[float, float, str]]) -> RatingTrack:
    if not spans:
        raise DataError(f"{path}: the tier {tier[:60]!r} has no annotation that lasts; choose another")
    times = np.arange(math.ceil(max(end for _, end, _ in spans) * TIER_RATE)) / TIER_RATE
    numbers = [_number(text) for _, _, text in spans]
    if all(value is not None for value in numbers):
        values = np.full(len(times), np.nan)
        for (start, end, _), value in zip(spans, numbers, strict=True):
            values[_instants(start, end)] = value
        return RatingTrack(times, {tier: values}, path.name)
    words = list(dict.fromkeys(text for _, _, text in spans))
    if len(words) > MAX_LABELS:
        raise DataError(
            f"{path}: the tier {tier[:60]!r} has {len(words)} different texts, such as {some(words, 3)}; choose a tier "
            f"of numbers, or of at most {MAX_LABELS} labels"
        )
    labels = {word: np.zeros(len(times)) for word in words}
    for start, end, text in spans:
        labels[text][_instants(start, end)] = 1.0
    return RatingTrack(times, labels, path.name)


def _instants(start: float, end: float) -> slice:
    """The instants of an interval [start, end)."""
    return slice(math.ceil(start * TIER_RATE - 1e-6), math.ceil(end * TIER_RATE - 1e-6))


def _number(text: str) -> float | None:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _parse(path: Path, data: bytes) -> tuple[dict[str, float | None], dict[str, _Tier]]:
    """The times of the slots (s; None: not aligned), and the tiers."""
    reader = _Reader(path)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DataError(f"{path}: is not well-formed XML ({error}); save it again in ELAN") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        raise DataError(f"{path}: cannot be read as XML ({error}); save it again in ELAN") from error
    if reader.root != "ANNOTATION_DOCUMENT":
        raise DataError(f"{path}: begins with <{reader.root[:40]}>, and a file of ELAN with <ANNOTATION_DOCUMENT>")
    return reader.slots, reader.tiers


class _Reader:
    """What expat tells, as far as it is about slots, tiers and annotations."""

    def __init__(self, path: Path) -> None:
        self.root = ""
        self.slots: dict[str, float | None] = {}
        self.tiers: dict[str, _Tier] = {}
        self._path = path
        self._tier: _Tier | None = None
        self._interval: tuple[str, str] | None = None
        self._text: list[str] | None = None
        self._annotations = 0

    def refuse(self, *_declared: object) -> None:
        """A document type, or an entity."""
        raise DataError(
            f"{self._path}: declares a document type or entities, which ELAN does not write and which can blow up; "
            "remove the lines that begin with <!"
        )

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self.root = self.root or tag
        if tag == "TIME_SLOT":
            self.slots[attributes.get("TIME_SLOT_ID", "")] = self._seconds(attributes.get("TIME_VALUE"))
        elif tag == "TIER":
            name = attributes.get("TIER_ID", "")
            if name in self.tiers:
                raise DataError(f"{self._path}: two tiers are called {name[:60]!r}; rename one of them in ELAN")
            self._tier = self.tiers[name] = _Tier(name)
        elif tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            self._begin_annotation(tag, attributes)
        elif tag == "ANNOTATION_VALUE":
            self._text = []

    def _begin_annotation(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._annotations += 1
        if self._annotations > MAX_ANNOTATIONS:
            raise DataError(f"{self._path}: more than {MAX_ANNOTATIONS:,} annotations; keep the tier that is needed")
        if tag == "REF_ANNOTATION":
            if self._tier:
                self._tier.dependent += 1
            self._interval = None
        else:
            self._interval = (attributes.get("TIME_SLOT_REF1", ""), attributes.get("TIME_SLOT_REF2", ""))

    def text(self, data: str) -> None:
        """Characters, in pieces."""
        if self._text is not None:
            self._text.append(data)

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag == "ALIGNABLE_ANNOTATION" and self._tier and self._interval:
            self._tier.intervals.append((*self._interval, " ".join("".join(self._text or []).split())))
            self._interval = self._text = None
        elif tag == "TIER":
            self._tier = None

    def _seconds(self, milliseconds: str | None) -> float | None:
        if milliseconds is None:
            return None  # a slot between two others, which ELAN has not aligned
        try:
            value = int(milliseconds) / 1000
        except ValueError:
            value = -1.0
        if not 0 <= value <= MAX_TIER_SECONDS:
            raise DataError(
                f"{self._path}: a time slot has the value {milliseconds[:30]!r}; expected milliseconds, at most a day"
            )
        return value
