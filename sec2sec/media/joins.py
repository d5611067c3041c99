"""Recordings that were joined end to end in one file: each starts its clock again, here one clock goes through all."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import av

from sec2sec.media.container import open_container
from sec2sec.media.layout import MAX_PAUSE, Join, Kind, Layout, demux

CLOCK_BACK = 0.5  # s by which a time stamp lies before the last one where a clock starts again; less is disorder
PACKETS_TO_TRUST = 3  # in a row on the new clock; fewer are damaged time stamps
# Readers of containers without a clock of their own, in which a leap ahead is another recording's clock as well.
READERS_OF_PIECES = ("mpegts", "mpeg")


@dataclass
class Packets:
    """The packets of one stream as they lie in the file, with times in s on the file's own clock.

    Arrays, because a file may have millions of packets.
    """

    order: array[float] = field(default_factory=lambda: array("d"))  # decoding times, which rise
    begins: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))
    places: array[int] = field(default_factory=lambda: array("q"))  # byte in the file; -1 where it is not known

    def __len__(self) -> int:
        return len(self.order)


def read_packets(path: Path, layout: Layout, max_pixels: int = 0) -> dict[Kind, Packets]:
    """The packets of the streams that are used, by reading the file undecoded up to where it is damaged."""
    kinds: dict[int, Kind] = {}
    if layout.video is not None:
        kinds[layout.video] = "video"
    if layout.audio is not None:
        kinds[layout.audio] = "audio"
    packets: dict[Kind, Packets] = {kind: Packets() for kind in kinds.values()}
    with open_container(path, max_pixels) as container:
        try:
            for packet in demux(container, [container.streams[index] for index in kinds]):
                own = packets[packet.stream.type]
                begin = packet.pts if packet.pts is not None else packet.dts
                if not packet.size:
                    continue  # the empty one at the end
                base = math.nan if begin is None or not packet.time_base else float(packet.time_base)
                begin = begin or 0
                own.begins.append(begin * base)
                own.ends.append((begin + (packet.duration or 0)) * base)
                own.places.append(-1 if packet.pos is None else packet.pos)
                time = (packet.dts if packet.dts is not None else begin) * base
                own.order.append(own.order[-1] if math.isnan(time) and own.order else time)
        except av.FFmpegError:
            pass  # what follows is damaged
    return packets


def end_of(packets: dict[Kind, Packets]) -> float | None:
    """The end of the last packet on the file's clock, s; None where no packet says a time."""
    ends = [end for own in packets.values() for end in own.ends if not math.isnan(end)]
    return max(ends, default=None)


def find_joins(packets: dict[Kind, Packets], layout: Layout) -> tuple[tuple[Join, ...], float | None]:
    """Where recordings begin that were joined to the end of another, and the length of all of them in s from time 0.

    No joins: no length. The clock of the first recording goes on where the recording before has ended.
    """
    starts = {kind: restarts(own.order, leaps=_of_pieces(layout.format)) for kind, own in packets.items()}
    count = max((len(own) for own in starts.values()), default=0)
    if not count:
        return (), None
    lead: Kind = next(kind for kind, own in starts.items() if len(own) == count)
    cuts = {kind: own if len(own) == count else _cuts_by_place(packets, lead, starts[lead], kind)
            for kind, own in starts.items()}  # fmt: skip
    joins, shift, clock = [], 0.0, -math.inf
    for index in range(count + 1):
        sections = [_section(packets[kind], cuts[kind], index) for kind in packets]
        begin = min((begin for begin, _ in sections), default=math.inf)
        end = max((end for _, end in sections), default=-math.inf)
        if index and math.isfinite(begin):
            shift = clock - begin
            numbers = {kind: own[index - 1] for kind, own in cuts.items()}
            joins.append(Join(numbers.get("video"), numbers.get("audio"), shift, clock - layout.origin))
        clock = max(clock, end + shift)
    return tuple(joins), clock - layout.origin


def _of_pieces(container: str) -> bool:
    return any(reader in container for reader in READERS_OF_PIECES)


def restarts(order: Sequence[float], *, leaps: bool) -> list[int]:
    """The packets at which a stream's clock starts again, by their number. leaps: also where it leaps ahead."""

    def goes_on(before: float, after: float) -> bool:
        return not (after < before - CLOCK_BACK or (leaps and after > before + MAX_PAUSE))

    numbers: list[int] = []
    last, step = order[0] if order else 0.0, 0.0
    for number, time in enumerate(order):
        if goes_on(last, time):
            last, step = time, time - last
            continue
        ahead = order[number : number + PACKETS_TO_TRUST]
        longest_step = max(CLOCK_BACK, 2 * step)  # a longer one leads back to the clock before
        if len(ahead) == PACKETS_TO_TRUST and all(goes_on(a, b) and b - a <= longest_step for a, b in pairwise(ahead)):
            numbers.append(number)
            last = time
    return numbers


def _cuts_by_place(packets: dict[Kind, Packets], lead: Kind, starts: list[int], kind: Kind) -> list[int]:
    """Where the same joins lie in a stream whose own clock does not show all of them: by the place in the file."""
    places = packets[kind].places
    return [bisect_left(places, packets[lead].places[number]) for number in starts]


def _section(packets: Packets, cuts: list[int], index: int) -> tuple[float, float]:
    """Begin and end in s, on the file's clock, of a stream's packets between two joins; infinite where it has none."""
    first = cuts[index - 1] if index else 0
    last = cuts[index] if index < len(cuts) else len(packets)
    begins = [time for time in packets.begins[first:last] if not math.isnan(time)]
    ends = [time for time in packets.ends[first:last] if not math.isnan(time)]
    return min(begins, default=math.inf), max(ends, default=-math.inf)
