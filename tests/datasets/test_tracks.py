"""Rating tracks: tables of times and values, stimulus files of BIDS, and tiers of ELAN."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec.datasets.table import DataError, TableLimits
from sec2sec.datasets.track_files import read_track
from sec2sec.datasets.tracks import RatingTrack
from tests.datasets.test_table import read_or_refuse
from tests.helpers.formats import damaged

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-11-27T10:00:00+00:00" FORMAT="3.0" VERSION="3.0">
 <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
 <TIME_ORDER>
  <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1500"/>
  <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2000"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="3000"/>
  <TIME_SLOT TIME_SLOT_ID="ts5"/>
 </TIME_ORDER>
 <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="arousal">
  <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
   <ANNOTATION_VALUE>0,5</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
   <ANNOTATION_VALUE>-1</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
 </TIER>
 <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="face">
  <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
   <ANNOTATION_VALUE>smile</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
   <ANNOTATION_VALUE>frown</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
 </TIER>
 <TIER LINGUISTIC_TYPE_REF="assoc" PARENT_REF="face" TIER_ID="how sure">
  <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a5" ANNOTATION_REF="a3">
   <ANNOTATION_VALUE>2</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
 </TIER>
 <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="empty"/>
</ANNOTATION_DOCUMENT>
"""


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


# Tables of times and values


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("time,arousal,valence\n0,.5,-1\n1,.25,NA\n2,,0\n", ["arousal", "valence"]),
        ("0,.5,-1\n1,.25,NA\n2,,0\n", ["value", "value 2"]),
        ("valence;Zeit;arousal\n", None),
        ("Arousal;Time\n0,5;0\n0,25;1,0\nn/a;2\n", ["Arousal"]),
        ("seconds\tspeaker\tx\n0\tAnna\t.5\n1\tBen\t.25\n2\tAnna\t\n", ["x"]),
        ("\ufefft,x\r\n0,.5\r\n\r\n1,.25\r\n2,nan\r\n", ["x"]),
    ],
)
def test_a_table_of_times_and_values_is_a_track(tmp_path, text, names):
    file = write(tmp_path, "arousal.csv", text)
    if names is None:
        with pytest.raises(DataError, match="has no value at any time"):
            read_track(file)
        return
    track = read_track(file)
    assert list(track.values) == names
    assert track.times.tolist() == [0, 1, 2]
    first = track.values[names[0]]
    assert first[:2].tolist() == [0.5, 0.25]
    assert np.isnan(first[2])
    assert (track.rate, track.end) == (1, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; give a table with a column of times in seconds"),
        ("time\n0\n1\n", "has one column, 'time'; a track needs a column of times and one of values"),
        ("time,x\n0,1\nsoon,2\n", "line 3: time is 'soon'; expected a number from 0 to 86400"),
        ("time,x\n-1,1\n", "line 2: time is '-1'; expected a number from 0"),
        ("time,x\n0,1\n0,2\n", "line 3: time 0 does not come after 0, the line before; sort the lines"),
        ("time,x\n0,1\n1,many\n2,3\n", "line 3: x is 'many'; expected a number"),
        ("time,x\n0,1,2\n", "line 2: the number of cells differs from the header's"),
        ("time,x,x\n0,1,2\n", "the column 'x' stands twice"),
        ("time,x\n0,NA\n1,\n", "has no value at any time"),
    ],
)
def test_a_table_that_is_no_track_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(DataError, match=re.escape(message)) as refused:
        read_track(write(tmp_path, "x.csv", text))
    assert "\n" not in str(refused.value)
    assert "x.csv" in str(refused.value)


def test_the_rate_is_that_of_even_times_written_with_few_decimals(tmp_path):
    frames = "".join(f"{at / 29.97:.3f},{at}\n" for at in range(300))
    assert read_track(write(tmp_path, "a.csv", "time,x\n" + frames)).rate == pytest.approx(29.97, rel=1e-3)
    assert read_track(write(tmp_path, "b.csv", "time,x\n0,1\n1,2\n5,3\n")).rate is None


def test_seconds_get_the_mean_of_the_values_in_them():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 6, 200))
    values = np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200))
    values[(times >= 2) & (times < 3)] = np.nan
    means = RatingTrack(times, {"x": values}, "x").per_second("x", 8)
    for second in range(8):
        inside = values[(times >= second) & (times < second + 1) & ~np.isnan(values)]
        assert means[second] == pytest.approx(inside.mean()) if len(inside) else np.isnan(means[second])
    assert np.isnan(means[[2, 6, 7]]).all()


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30), st.data())
@settings(deadline=None)
def test_whatever_is_written_is_read_back(steps, data):
    times = np.cumsum(steps) / 100
    values = data.draw(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=len(times), max_size=len(times)))
    lines = [f"{time:.2f},{value!r}" for time, value in zip(times, values, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), "x.csv", "\n".join(["time,x", *lines]))
        if all(np.isnan(values)):
            with pytest.raises(DataError, match="no value"):
                read_track(file)
            return
        track = read_track(file)
    assert track.times.tolist() == pytest.approx(times.tolist())
    np.testing.assert_array_equal(track.values["x"], values)


# Stimulus files of BIDS


def make_stimulus(folder: Path, about: object, text: str = "1\t2\n3\t4\n") -> Path:
    (folder / "Annot_X_stim.json").write_text(about if isinstance(about, str) else json.dumps(about))
    return write(folder, "Annot_X_stim.tsv", text)


def test_a_stimulus_file_begins_at_its_start_time_and_has_its_frequency(tmp_path):
    file = make_stimulus(tmp_path, {"SamplingFrequency": 2, "Columns": ["a", "b"], "StartTime": 1.5})
    track = read_track(file)
    assert track.times.tolist() == [1.5, 2]
    assert track.values["b"].tolist() == [2, 4]
    early = make_stimulus(tmp_path, {"SamplingFrequency": 2, "Columns": ["a", "b"], "StartTime": -0.5})
    assert read_track(early).times.tolist() == [0]


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ("{", "is no JSON"),
        ([], "Columns is None; expected a list"),
        ({"SamplingFrequency": 1, "Columns": ["a"]}, "line 1: 2 values, and Annot_X_stim.json names 1 columns"),
        ({"SamplingFrequency": 0, "Columns": ["a", "b"]}, "SamplingFrequency is 0; expected a number from 0.001"),
        ({"Columns": ["a", "b"]}, "SamplingFrequency is None"),
        ({"SamplingFrequency": 1, "Columns": ["a", "a"]}, "some twice"),
        ({"SamplingFrequency": 1, "Columns": ["a", "b"], "StartTime": "noon"}, "StartTime is 'noon'"),
    ],
)
def test_a_stimulus_file_that_its_json_does_not_describe_is_refused(tmp_path, about, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read_track(make_stimulus(tmp_path, about))


def test_a_packed_file_of_zeros_is_refused_before_it_fills_the_memory(tmp_path):
    make_stimulus(tmp_path, {"SamplingFrequency": 1, "Columns": ["a"]})
    (tmp_path / "Annot_X_stim.tsv.gz").write_bytes(gzip.compress(b"0\n" * 1_000_000))
    with pytest.raises(DataError, match="unpacks to more than 1 MB"):
        read_track(tmp_path / "Annot_X_stim.tsv.gz", limits=TableLimits(file_bytes=1024**2))
    (tmp_path / "Annot_X_stim.tsv.gz").write_bytes(b"\x1f\x8b no gzip")
    with pytest.raises(DataError, match="cannot be unpacked"):
        read_track(tmp_path / "Annot_X_stim.tsv.gz")


# Tiers of ELAN


def test_a_tier_of_numbers_has_the_value_of_the_annotation_at_each_instant(tmp_path):
    track = read_track(write(tmp_path, "a.eaf", EAF), "arousal")
    assert track.rate == pytest.approx(10)
    values = track.values["arousal"]
    assert values[:15].tolist() == [0.5] * 15
    assert np.isnan(values[15:20]).all()
    assert values[20:].tolist() == [-1] * 10


def test_a_tier_of_words_has_a_value_for_each_word(tmp_path):
    track = read_track(write(tmp_path, "a.eaf", EAF), "face")
    assert list(track.values) == ["smile", "frown"]
    assert track.per_second("smile", 3).tolist() == [1, 1, 0]
    assert track.per_second("frown", 3).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("tier", "old", "new", "message"),
    [
        ("", "", "", "2 tiers have annotations with times, arousal, face; name the tier to read"),
        ("mood", "", "", "has no tier 'mood'; its tiers are arousal, face, how sure, empty"),
        ("empty", "", "", "the tier 'empty' has no annotation"),
        ("how sure", "", "", "has only annotations that refer to another tier; tiers with times: arousal, face"),
        ("face", 'TIME_SLOT_REF2="ts4">\n   <ANNOTATION_VALUE>frown', 'TIME_SLOT_REF2="ts5">\n<ANNOTATION_VALUE>frown',
         "an annotation of the tier 'face' ('frown') has no time; align it in ELAN"),
        ("face", 'TIME_VALUE="1500"', 'TIME_VALUE="soon"', "a time slot has the value 'soon'; expected milliseconds"),
        ("face", 'TIER_ID="empty"', 'TIER_ID="face"', "two tiers are called 'face'"),
        ("face", "</HEADER", "<HEADER", None),
        ("face", "<ANNOTATION_DOCUMENT", "<!DOCTYPE x [<!ENTITY a 'b'>]>\n<ANNOTATION_DOCUMENT", "declares a document"),
        ("face", "</ANNOTATION_DOCUMENT>", "", "is not well-formed XML"),
        ("face", "UTF-8", "no-such-code", "XML"),
        ("face", "ANNOTATION_DOCUMENT", "html", "begins with <html>"),
    ],
)  # fmt: skip
def test_a_file_of_elan_that_cannot_be_used_is_refused_in_one_line(tmp_path, tier, old, new, message):
    file = write(tmp_path, "a.eaf", EAF.replace(old, new) if old else EAF)
    if message is None:
        assert read_track(file, tier).values
        return
    with pytest.raises(DataError, match=re.escape(message)) as refused:
        read_track(file, tier)
    assert "\n" not in str(refused.value)


def test_entities_that_would_blow_up_are_never_expanded(tmp_path):
    bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
        f"<!ENTITY {chr(98 + at)} '{f'&{chr(97 + at)};' * 10}'>" for at in range(9)
    )
    file = write(tmp_path, "a.eaf", f'<?xml version="1.0"?>{bomb}]><ANNOTATION_DOCUMENT>&j;</ANNOTATION_DOCUMENT>')
    with pytest.raises(DataError, match="declares a document type or entities"):
        read_track(file, "x")
    outside = f'<!DOCTYPE x SYSTEM "file://{tmp_path}/secret.dtd"><ANNOTATION_DOCUMENT/>'
    with pytest.raises(DataError, match="declares a document type or entities"):
        read_track(write(tmp_path, "b.eaf", outside), "x")


def test_only_files_of_elan_have_tiers(tmp_path):
    with pytest.raises(DataError, match="has no tiers, which only files of ELAN"):
        read_track(write(tmp_path, "a.csv", "0,1\n"), "face")


@pytest.mark.parametrize("name", ["a.eaf", "a.csv", "Annot_X_stim.json"])
@given(data=st.data())
@settings(deadline=None)
def test_damaged_tracks_are_read_or_refused_in_one_line(name, data):
    with tempfile.TemporaryDirectory() as folder:
        stimulus = make_stimulus(Path(folder), {"SamplingFrequency": 2, "Columns": ["a", "b"], "StartTime": 0})
        file = Path(folder, name)
        if name == "a.eaf":
            file.write_text(EAF)
        elif name == "a.csv":
            file.write_text("time,x,y\n0,1,2\n0.5,2,\n1,3,NA\n")
        file.write_bytes(damaged(data, file.read_bytes()))
        arguments = (file, "face") if name == "a.eaf" else (stimulus if name.endswith("json") else file,)
        result = read_or_refuse(read_track, *arguments)
    if isinstance(result, str):
        assert "\n" not in result
    else:
        assert (np.diff(result.times) > 0).all()
        assert all(len(values) == len(result.times) for values in result.values.values())
