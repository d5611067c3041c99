"""The readers of data sets that anybody can download, on small folders in their forms on disk."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec.cli import main
from sec2sec.datasets.open import open_data
from sec2sec.datasets.report import report_steps
from sec2sec.datasets.table import DataError, Table, TableLimits
from sec2sec.media import open_clip
from sec2sec.progress import drain
from tests.datasets.test_table import read_or_refuse
from tests.helpers.formats import damaged
from tests.helpers.public_sets import (
    EMODB,
    ITEMS,
    make_crema_d,
    make_emo_film,
    make_emodb,
    make_liris_continuous,
    make_meld,
    make_oasis,
    make_ravdess,
    make_veatic,
    sound,
)

Make = Callable[[Path], Path]
MAKERS: dict[str, tuple[Make, str]] = {
    "crema-d": (make_crema_d, "processedResults/summaryTable.csv"),
    "veatic": (make_veatic, "rating_averaged/1_valence.csv"),
    "meld": (make_meld, "dev_sent_emo.csv"),
    "emodb": (make_emodb, "erkennung.txt"),
    "oasis": (make_oasis, "OASIS.csv"),
    "emo-film": (make_emo_film, "Annot_BigBuckBunny_stim.json"),
    "liris-continuous": (make_liris_continuous, "continuous-annotations/Payload_Arousal.txt"),
}


def groups_are_whole(table: Table) -> bool:
    return all(len({row.split for row in table.rows if row.group == row_.group}) == 1 for row_ in table.rows)


# CREMA-D


def test_crema_d_has_shares_of_votes_and_keeps_what_was_said_of_voice_face_and_both(tmp_path):
    table = open_data(make_crema_d(tmp_path / "crema"))
    assert table.name == "CREMA-D"
    assert table.targets == ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
    row = table.rows[1]
    assert row.id == "1001_IEO_SAD_LO"
    assert row.path == tmp_path / "crema/VideoFlash/1001_IEO_SAD_LO.flv"
    # both: neutral and sadness tie with 3 votes each, and every other emotion has one
    assert row.targets == pytest.approx({**dict.fromkeys(table.targets, 0.1), "neutral": 0.3, "sadness": 0.3})
    assert row.columns["voice_vote"] == "neutral"
    assert row.columns["face_vote"] == "sadness"
    assert (row.columns["both_vote"], row.columns["both_level"]) == ("neutral:sadness", "64.75:61.50")
    assert row.group == "1001"
    assert groups_are_whole(table)
    missing = drain(report_steps(table)).missing
    assert missing.count == 9
    assert missing.listed[0]["path"] == str(tmp_path / "crema/VideoFlash/1002_DFA_ANG_XX.flv")


def test_crema_ds_flash_videos_are_decoded(tmp_path):
    clip = open_clip(open_data(make_crema_d(tmp_path / "crema")).rows[0].path)
    assert clip.has_audio
    assert clip.has_video
    assert len(list(clip.seconds())) == 1


def test_sounds_of_crema_d_alone_have_the_votes_of_those_who_only_heard(tmp_path):
    table = open_data(make_crema_d(tmp_path / "crema", ".wav"))
    assert table.rows[1].path.name == "1001_IEO_SAD_LO.wav"
    assert table.rows[1].targets["neutral"] == pytest.approx(6 / 11)
    assert "heard the clip, without its picture" in table.notes[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"A:D"', '"A:X"', "line 2: the vote for face is 'A:X'; expected letters of A, D"),
        ('"64.75:61.50"', '"64.75"', "line 2: the vote for face is A:D and its level '64.75'; one level for each"),
        ('"64.75"', '"164"', "line 2: the level for voice is '164'; expected a number from 0 to 100"),
        ("1001_DFA_ANG_XX", "1001_DFA", "line 2: the clip is named '1001_DFA'; expected a name such as"),
        ("1001_IEO_SAD_LO", "1001_DFA_ANG_XX", "line 3: the clip '1001_DFA_ANG_XX' stands twice"),
        ("FaceVote", "Face", "column FaceVote is missing"),
    ],
)
def test_a_table_of_crema_d_that_cannot_be_used_is_refused(tmp_path, old, new, message):
    file = make_crema_d(tmp_path / "crema") / "processedResults/summaryTable.csv"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=re.escape(message)):
        open_data(tmp_path / "crema")


def test_crema_d_without_its_votes_says_what_is_absent(tmp_path):
    (make_crema_d(tmp_path / "crema") / "processedResults/tabulatedVotes.csv").unlink()
    with pytest.raises(DataError, match=r"tabulatedVotes\.csv of CREMA-D not found; copy the folder processedResults"):
        open_data(tmp_path / "crema")


# RAVDESS


def test_ravdess_reads_the_name_and_takes_each_performance_once(tmp_path):
    table = open_data(make_ravdess(tmp_path / "ravdess"))
    assert table.name == "RAVDESS"
    assert len(table.rows) == 6
    row = next(row for row in table.rows if row.id == "01-01-05-01-02-01-02")
    assert [name for name, value in row.targets.items() if value] == ["anger"]
    assert row.columns == {
        "channel": "speech",
        "emotion": "anger",
        "intensity": "normal",
        "statement": "dogs",
        "repetition": "1",
        "sex": "female",
    }
    assert row.group == "actor 02"
    assert groups_are_whole(table)
    assert "12 files hold the same performances" in " ".join(table.notes)
    assert "what the actor was told to express" in table.notes[0]


def test_ravdess_of_sounds_alone_is_read(tmp_path):
    table = open_data(make_ravdess(tmp_path / "ravdess", ("03",)))
    assert {row.path.suffix for row in table.rows} == {".wav"}


def test_a_file_of_ravdess_with_an_impossible_name_is_refused(tmp_path):
    folder = make_ravdess(tmp_path / "ravdess", ("03",))
    sound(folder / "Actor_03/03-01-09-01-01-01-03.wav")
    with pytest.raises(DataError, match="its emotion is 09 in the name; expected one of 01, 02"):
        open_data(folder)


# VEATIC


@pytest.mark.parametrize("joined", [False, True])
def test_veatic_has_means_as_scores_and_a_value_for_every_frame(tmp_path, joined):
    table = open_data(make_veatic(tmp_path / "veatic", joined))
    assert [row.id for row in table.rows] == ["0", "1", "7", "98"]
    assert table.rows[0].targets == pytest.approx({"valence": 0.5, "arousal": 0.75})
    assert table.rows[0].path == tmp_path / "veatic/video/0.mp4"
    assert table.rows[0].group == table.rows[3].group != table.rows[1].group  # they may show the same frames
    track = table.tracks["0"]()
    assert track.rate == pytest.approx(8, rel=0.02)
    assert track.values["valence"][-1] == pytest.approx(1)
    assert track.end == pytest.approx(2, abs=0.1)


def test_veatic_says_which_frame_cannot_be_used(tmp_path):
    file = make_veatic(tmp_path / "veatic") / "rating_averaged/1_valence.csv"
    file.write_text(file.read_text().replace("\n2,-0.826087\n", "\n2,-1.826\n", 1))
    with pytest.raises(DataError, match=r"1_valence\.csv, line 3: the rating is '-1\.826'; expected a number from -1"):
        open_data(tmp_path / "veatic")
    (tmp_path / "veatic/rating_averaged/1_arousal.csv").unlink()
    with pytest.raises(DataError, match=r"1_arousal\.csv of VEATIC not found"):
        open_data(tmp_path / "veatic")


def test_a_track_without_its_video_is_a_problem_of_the_report(tmp_path):
    folder = make_veatic(tmp_path / "veatic")
    (folder / "video/7.mp4").unlink()
    report = drain(report_steps(open_data(folder)))
    assert report.tracks["clips"] == 3
    assert report.tracks["problems"]["listed"][0]["id"] == "7"
    assert "how long a frame lasts cannot be read" in report.as_text()
    assert report.missing.listed == [{"id": "7", "path": str(folder / "video/7.mp4")}]


# MELD


def test_meld_tells_clips_of_one_name_apart_by_their_folders(tmp_path):
    table = open_data(make_meld(tmp_path / "meld"))
    assert table.name == "MELD"
    assert Counter(row.split for row in table.rows) == {"train": 2, "validation": 2, "test": 2}
    paths = {row.id: row.path for row in table.rows}
    assert paths["train-dia0_utt0"] == tmp_path / "meld/train/train_splits/dia0_utt0.mp4"
    assert paths["test-dia0_utt0"] == tmp_path / "meld/test/output_repeated_splits_test/dia0_utt0.mp4"
    row = table.rows[2]
    assert [name for name in table.targets if row.targets[name] == 1] == ["anger"]
    assert row.targets["sentiment"] == 0
    assert table.kinds["sentiment"] == "score"
    assert row.columns["speaker"] == "Phoebe"
    assert row.group == "season 4, episode 7"


def test_melds_missing_clip_and_its_surplus_clips_are_said(tmp_path):
    report = drain(report_steps(open_data(make_meld(tmp_path / "meld"))))
    gone = tmp_path / "meld/dev/dev_splits_complete/dia110_utt7.mp4"
    assert report.missing.listed == [{"id": "validation-dia110_utt7", "path": str(gone)}]
    assert "2 clips belong to no line of the tables" in " ".join(report.notes)
    assert report.groups_shared.listed == [{"group": "season 8, episode 21", "splits": ["train", "test"]}]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b",joy,", b",fun,", "line 2: Emotion is 'fun'; expected one of anger, disgust"),
        (b",positive,", b",good,", "line 2: Sentiment is 'good'; expected one of negative, neutral, positive"),
        (b",positive,0,", b",positive,x,", "line 2: Dialogue_ID is 'x'; expected a whole number"),
        (b",neutral,0,1,", b",neutral,0,0,", "stands twice"),
    ],
)
def test_a_table_of_meld_that_cannot_be_used_is_refused(tmp_path, old, new, message):
    file = make_meld(tmp_path / "meld") / "train_sent_emo.csv"
    file.write_bytes(file.read_bytes().replace(old, new, 1))
    with pytest.raises(DataError, match=re.escape(message)):
        open_data(tmp_path / "meld")


# EmoDB


@pytest.mark.parametrize(("codec", "suffix"), [("pcm_s16le", ".wav"), ("flac", ".flac")])
def test_emodb_groups_emotions_by_arousal_and_keeps_how_many_recognised_them(tmp_path, codec, suffix):
    table = open_data(make_emodb(tmp_path / "emodb", codec, suffix))
    assert table.name == "EmoDB"
    labels = {row.id: row.targets["arousal"] for row in table.rows}
    assert labels == {"03a01Wa": 1, "03a01Nc": 0, "08a02Ta": 0, "09a01Fa": 1, "10b03Lb": 0, "10b03Aa": 1}
    row = next(row for row in table.rows if row.id == "03a01Wa")
    assert row.path == tmp_path / f"emodb/wav/03a01Wa{suffix}"
    assert row.group == "03"
    assert row.columns == {"emotion": "anger", "text": "a01", "recognised": "0.975", "natural": "0.35"}
    said = " ".join(table.notes)
    assert "Disgust is neither, so its 1 utterances are left out" in said
    assert "lists 2 more utterances than there are files, 03a01Ab, 16b10Wc" in said
    assert groups_are_whole(table)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("97,50", "197,50", "line 2: erkannt is '197.50'; expected a number from 0 to 100"),
        ("03a01Nc", "03a01Wa", "line 3: the utterance '03a01Wa' stands twice"),
        ("03a01Nc", "xyz", "the utterance 'xyz' is named otherwise than 03a01Fa.wav"),
        ("Satz", "Set", "column Satz is missing"),
    ],
)
def test_a_table_of_emodb_that_cannot_be_used_is_refused(tmp_path, old, new, message):
    file = make_emodb(tmp_path / "emodb") / "erkennung.txt"
    file.write_bytes(file.read_bytes().replace(old.encode(), new.encode(), 1))
    with pytest.raises(DataError, match=re.escape(message)):
        open_data(tmp_path / "emodb")


def test_two_speakers_cannot_be_split_in_three(tmp_path):
    folder = make_emodb(tmp_path / "emodb")
    for name in EMODB:
        if name[:2] in ("09", "10"):
            (folder / f"wav/{name}.wav").unlink()
    with pytest.raises(DataError, match="needs at least 3 groups"):
        open_data(folder)


# Pictures


def test_pictures_have_scores_and_a_theme_and_the_report_says_how_clips_are_made(tmp_path):
    table = open_data(make_oasis(tmp_path / "oasis"))
    assert [row.group for row in table.rows] == ["Acorns", "Acorns", "Dog", "Wall", "Wall"]
    assert table.rows[0].targets == pytest.approx({"valence": 1 / 6, "arousal": 5.5 / 6})
    assert table.rows[0].path == tmp_path / "oasis/images/Acorns 1.jpg"
    assert table.rows[0].columns["arousal_n"] == "101"
    report = drain(report_steps(table))
    assert report.damaged.count == 0
    assert "--stills OUT" in " ".join(report.problems)


def test_a_table_of_pictures_names_their_files(tmp_path):
    make_oasis(tmp_path / "oasis")
    (tmp_path / "oasis/OASIS.csv").unlink()
    lines = [f"p{at},images/Acorns {at}.jpg,theme{at},4.5,3.25" for at in (1, 2, 3)]
    (tmp_path / "oasis/ratings.csv").write_text("\n".join(["id,file,theme,Valence_mean,Arousal_mean", *lines, ""]))
    table = open_data(tmp_path / "oasis")
    assert table.name == "OASIS-like table of pictures"
    assert [row.group for row in table.rows] == ["theme1", "theme2", "theme3"]
    report = drain(report_steps(table))
    assert report.missing.listed == [{"id": "p3", "path": str(tmp_path / "oasis/images/Acorns 3.jpg")}]
    (tmp_path / "oasis/images/Acorns 1.jpg").write_bytes(b"no picture")
    damage = drain(report_steps(table)).damaged.listed[0]
    assert damage["id"] == "p1"
    assert "cannot be read as a picture" in damage["problem"]


def test_a_mean_rating_beyond_the_scale_is_refused(tmp_path):
    file = make_oasis(tmp_path / "oasis") / "OASIS.csv"
    file.write_text(file.read_text().replace('",2,', '",9,'))
    with pytest.raises(DataError, match="line 2: valence_mean is '9'; expected a number from 1 to 7"):
        open_data(tmp_path / "oasis")


# Ratings over time


@pytest.mark.parametrize("packed", [False, True])
def test_emo_film_is_a_track_beside_a_film_and_no_target(tmp_path, packed):
    table = open_data(make_emo_film(tmp_path / "emofilm", packed))
    assert table.targets == ()
    assert [row.path.name for row in table.rows] == ["big_buck_bunny_448x252.mp4"]
    track = table.tracks["BigBuckBunny"]()
    assert tuple(track.values) == ITEMS
    assert track.rate == 1
    assert track.values["Good"] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert np.isnan(track.values["Alert"][2])
    assert "Ratings over time: 1 clip, 5 s, 1 per second; Good, Bad, Alert" in drain(report_steps(table)).as_text()


def test_continuous_liris_has_a_track_and_a_mean_for_each_film(tmp_path):
    table = open_data(make_liris_continuous(tmp_path / "liris"))
    assert table.name == "Continuous LIRIS-ACCEDE"
    assert [row.id for row in table.rows] == ["After_The_Rain", "Lesson_Learned", "Payload"]
    payload = table.rows[2]
    assert payload.path == tmp_path / "liris/continuous-movies/Payload.mp4"
    assert payload.targets["valence"] == pytest.approx((0.1 + 0.015 + 1) / 2)
    track = table.tracks["Payload"]()
    assert track.values["arousal"] == pytest.approx([0.1, 0.11, 0.12, 0.13])
    assert track.values["valence deviation"] == pytest.approx([0.2] * 4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"2\t0.12", b"9\t0.12", "line 5: the time 3 does not come after 9; sort the lines"),
        (b"0.120000", b"1.12", "line 4: the mean is '1.12'; expected a number from -1 to 1"),
        (b"0.120000\t0.2", b"0.12", "line 4: 2 cells; expected time, mean and deviation"),
    ],
)
def test_a_file_of_continuous_liris_that_cannot_be_used_is_refused(tmp_path, old, new, message):
    file = make_liris_continuous(tmp_path / "liris") / "continuous-annotations/Payload_Arousal.txt"
    file.write_bytes(file.read_bytes().replace(old, new, 1))
    with pytest.raises(DataError, match=re.escape(message)):
        open_data(tmp_path / "liris")


def test_a_film_with_one_of_its_two_files_is_refused(tmp_path):
    (make_liris_continuous(tmp_path / "liris") / "continuous-annotations/Payload_Valence.txt").unlink()
    with pytest.raises(DataError, match=r"Payload_Valence\.txt not found"):
        open_data(tmp_path / "liris")


# All of them


def test_a_folder_of_two_data_sets_is_refused(tmp_path):
    make_emodb(tmp_path / "all/emodb")
    make_oasis(tmp_path / "all/oasis")
    with pytest.raises(DataError, match=r"holds several data sets \(EmoDB, OASIS\); give the folder of one"):
        open_data(tmp_path / "all")


def test_a_split_is_drawn_by_seed_and_shares_where_the_data_set_has_none(tmp_path):
    folder = make_crema_d(tmp_path / "crema")
    first, second = ([row.split for row in open_data(folder, split_seed=seed).rows] for seed in (0, 1))
    assert first != second
    assert Counter(row.split for row in open_data(folder, split_shares=(1, 2, 1)).rows)["validation"] == 6
    with pytest.raises(DataError, match="split_shares are for data that names no split"):
        open_data(make_meld(tmp_path / "meld"), split_shares=(1, 2, 1))


@pytest.mark.parametrize("name", MAKERS)
def test_a_limit_of_clips_holds_for_every_reader(tmp_path, name):
    folder = MAKERS[name][0](tmp_path / name)
    limit = len(open_data(folder).rows)
    open_data(folder, limits=TableLimits(clips=limit))
    with pytest.raises(DataError, match="at most so many are allowed"):
        open_data(folder, limits=TableLimits(clips=limit - 1))


def test_the_command_reports_what_is_kept_beside_the_targets(tmp_path, capsys):
    folder = make_emodb(tmp_path / "emodb")
    assert main(["data", str(folder), "--json", str(tmp_path / "report.json")]) == 0
    said = capsys.readouterr().out
    assert "text: 6 clips, a01 3, b03 2, a02 1" in said
    about = json.loads((tmp_path / "report.json").read_text())
    assert about["columns"]["text"]["counts"] == {"a01": 3, "b03": 2, "a02": 1}
    assert about["tracks"] == {}


@pytest.fixture(scope="module")
def trees(tmp_path_factory) -> dict[str, Path]:
    return {name: make(tmp_path_factory.mktemp("public") / name) for name, (make, _) in MAKERS.items()}


@pytest.mark.parametrize("name", MAKERS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_annotations_are_read_or_refused_in_one_line(trees, name, data):
    file = trees[name] / MAKERS[name][1]
    whole = file.read_bytes()
    try:
        file.write_bytes(damaged(data, whole))
        result = read_or_refuse(open_data, trees[name])
        if isinstance(result, str):
            assert "\n" not in result
        else:
            assert all(0 <= value <= 1 for row in result.rows for value in row.targets.values())
            for read in result.tracks.values():
                message = read_or_refuse(read)
                assert not isinstance(message, str) or "\n" not in message
    finally:
        file.write_bytes(whole)


# The real ones


REAL = os.environ.get("SEC2SEC_REAL_DATA", "")  # a folder with folders of real data sets


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="SEC2SEC_REAL_DATA names no folder of real data sets")
def test_real_data_sets_are_read_and_every_clip_that_is_there_opens():
    read = []
    for folder in sorted(path for path in Path(REAL).iterdir() if path.is_dir()):
        table = open_data(folder)
        report = drain(report_steps(table))
        read.append(table.name)
        assert report.damaged.count == 0, report.as_text()
        assert report.missing.count < len(table.rows), report.as_text()
        assert not report.tracks or report.tracks["problems"]["count"] == 0, report.as_text()
        if table.name == "CREMA-D":
            assert len(table.rows) == 7_442
            assert sum(":" in row.columns["both_vote"] for row in table.rows) == 420
        if table.name == "EmoDB":
            assert Counter(row.columns["emotion"] for row in table.rows)["anger"] == 127
    assert read, f"{REAL} holds no folder"
