"""Small folders in the exact forms on disk of the data sets that anybody can download; every value is made up."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers.clips import grey, make_clip, tone

TINY = {"fps": 8, "size": (32, 32)}


def sound(path: Path, seconds: float = 1.0, codec: str = "pcm_s16le") -> Path:
    """A file of sound alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = tone(seconds, 200.0 + sum(path.stem.encode()), rate=16_000)
    return make_clip(path, seconds, picture=None, sound=own, rate=16_000, layout="mono", audio_codec=codec)


def film(path: Path, seconds: float = 1.0, level: int = 100) -> Path:
    """A short grey film with a tone; an .flv has Sorenson's H.263 and MP3."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".flv":
        return make_clip(
            path,
            seconds,
            picture=grey(level),
            video_codec="flv1",
            audio_codec="mp3",
            rate=44_100,
            layout="mono",
            **TINY,
        )
    return make_clip(path, seconds, picture=grey(level), **TINY)


# CREMA-D: actors, and (clip, votes for voice, face, both), a vote as the letters and their levels
ACTORS = ("1001", "1002", "1003", "1091")
SENTENCES = {"DFA_ANG_XX": ("A", "A:D", "A"), "IEO_SAD_LO": ("N", "S", "N:S"), "TIE_NEU_XX": ("N", "N", "N")}
LEVELS = {1: "64.75", 2: "64.75:61.50"}


def make_crema_d(folder: Path, suffix: str = ".flv") -> Path:
    """The folders of the repository; the first actor's clips are there, as `.flv` or `.wav`."""
    results = folder / "processedResults"
    results.mkdir(parents=True)
    columns = ("", "FileName", "VoiceVote", "VoiceLevel", "FaceVote", "FaceLevel", "MultiModalVote", "MultiModalLevel")
    summary = [",".join(f'"{name}"' for name in columns)]
    emotions = ("A", "D", "F", "H", "N", "S")
    votes = [",".join(f'"{name}"' for name in ("", *emotions, "fileName", "numResponses", "agreement", "emoVote"))]
    clips = [(f"{actor}_{rest}", judged) for actor in ACTORS for rest, judged in SENTENCES.items()]
    for number, (clip, judged) in enumerate(clips, start=1):
        cells = [f'"{vote}","{LEVELS[len(vote.split(":"))]}"' for vote in judged]
        summary.append(f'"{number}","{clip}",{",".join(cells)}')
        for kind, vote in enumerate(judged, start=1):
            winners = vote.split(":")
            counts = [6 // len(winners) if letter in winners else 1 for letter in emotions]
            numbers = ",".join(map(str, counts))
            votes.append(f'"{kind}{number:05d}",{numbers},"{clip}",{sum(counts)},0.5,"{winners[0]}"')
    (results / "summaryTable.csv").write_text("\n".join([*summary, ""]))
    (results / "tabulatedVotes.csv").write_text("\n".join([*votes, ""]))
    for rest in SENTENCES:
        clip = f"{ACTORS[0]}_{rest}"
        if suffix == ".flv":
            film(folder / "VideoFlash" / f"{clip}.flv")
        else:
            sound(folder / "AudioWAV" / f"{clip}.wav")
    return folder


def make_ravdess(folder: Path, modalities: tuple[str, ...] = ("01", "02", "03"), actors: int = 3) -> Path:
    """Two performances of each actor, in each modality: `Actor_01/01-01-05-02-01-01-01.mp4`."""
    for actor in range(1, actors + 1):
        for modality in modalities:
            for emotion, channel in (("05", "01"), ("02", "02")):
                name = f"{modality}-{channel}-{emotion}-01-02-01-{actor:02d}"
                path = folder / f"Actor_{actor:02d}" / f"{name}.{'wav' if modality == '03' else 'mp4'}"
                sound(path) if modality == "03" else film(path, level=60 + 10 * actor)
    return folder


VEATIC = {0: 16, 1: 24, 7: 8, 98: 16}  # frames of each video; 98 shows those of 0 with another person


def make_veatic(folder: Path, joined: bool = False) -> Path:
    """`video/ID.mp4`, and the ratings of each frame: two files per video without a header, or one file."""
    (folder / "rating_averaged").mkdir(parents=True)
    for video, frames in VEATIC.items():
        film(folder / "video" / f"{video}.mp4", frames / 8, level=40 + video)
        valence, arousal = np.linspace(-1, 1, frames), np.full(frames, 0.5)
        ratings = folder / "rating_averaged"
        if joined:
            lines = [f"{v:.6f},{a:.6f}" for v, a in zip(valence, arousal, strict=True)]
            (ratings / f"{video}.csv").write_text("\n".join([*lines, ""]))
        else:
            for name, values in (("valence", valence), ("arousal", arousal)):
                lines = [f"{at},{value:.6f}" for at, value in enumerate(values)]
                (ratings / f"{video}_{name}.csv").write_text("\n".join([*lines, ""]))
    return folder


MELD = {  # lines of each table: dialogue, utterance, speaker, emotion, sentiment, season, episode
    "train": [(0, 0, "Joey", "joy", "positive", 8, 21), (0, 1, "Ross", "neutral", "neutral", 8, 21)],
    "dev": [(0, 0, "Phoebe", "anger", "negative", 4, 7), (110, 7, "Rachel", "surprise", "positive", 3, 2)],
    "test": [(0, 0, "Mark", "surprise", "positive", 3, 19), (1, 2, "Monica", "sadness", "negative", 8, 21)],
}
MELD_FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}


def make_meld(folder: Path) -> Path:
    """The three tables in Windows-1252, the clips of the archives, one clip short and two too many."""
    folder.mkdir(parents=True)
    columns = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
    for split, lines in MELD.items():
        rows = [
            f'{number},"Well, it\x92s ""fine""",{who},{emotion},{sentiment},{dialogue},{utterance},{season},{episode},'
            '"00:16:16,059","00:16:21,731"'
            for number, (dialogue, utterance, who, emotion, sentiment, season, episode) in enumerate(lines, start=1)
        ]
        (folder / f"{split}_sent_emo.csv").write_bytes("\n".join([columns, *rows, ""]).encode("latin-1"))
        for dialogue, utterance, *_ in lines:
            if (dialogue, utterance) != (110, 7):
                film(folder / split / MELD_FOLDERS[split] / f"dia{dialogue}_utt{utterance}.mp4", level=30 + utterance)
    test = folder / "test" / MELD_FOLDERS["test"]
    film(test / "final_videos_testdia93_utt5.mp4")
    film(folder / "dev" / MELD_FOLDERS["dev"] / "dia49_utt5.mp4")
    (test / "._dia0_utt0.mp4").write_bytes(b"what macOS adds")
    return folder


EMODB = ("03a01Wa", "03a01Nc", "08a02Ta", "08b01Ea", "09a01Fa", "10b03Lb", "10b03Aa")
ONLY_LISTED = ("03a01Ab", "16b10Wc")  # stand in erkennung.txt and were not published


def make_emodb(folder: Path, codec: str = "pcm_s16le", suffix: str = ".wav") -> Path:
    """`wav/` and erkennung.txt, in Latin-1 with decimal commas and cells padded with non-breaking spaces."""
    folder.mkdir(parents=True)
    lines = ["Nr.\tSatz\terkannt\tnatuerlich"]
    for number, name in enumerate((*EMODB, *ONLY_LISTED), start=1):
        share = f"{100 - 2.5 * number:.2f}".replace(".", ",")
        lines.append(f"{number}\xa0\xa0\t{name}.wav\t{share}\xa0\xa0\xa0\xa0\xa0\t35,00\xa0\xa0\xa0\xa0\xa0")
    (folder / "erkennung.txt").write_bytes("\n".join([*lines, ""]).encode("latin-1"))
    for name in EMODB:
        sound(folder / "wav" / f"{name}{suffix}", codec=codec)
    return folder


THEMES = ("Acorns 1", "Acorns 2", "Dog 1", "Wall 3", "Wall 10")


def make_oasis(folder: Path) -> Path:
    """OASIS.csv as R wrote it, and `images/Acorns 1.jpg`."""
    (folder / "images").mkdir(parents=True)
    ratings = [f"{target}_{what}" for target in ("Valence", "Arousal") for what in ("mean", "SD", "N")]
    lines = [",".join(f'"{name}"' for name in ("", "Theme", "Category", "Source", *ratings))]
    for number, theme in enumerate(THEMES, start=1):
        lines.append(f'"I{number}","{theme}","Object","Pixabay",{1 + number},0.9,102,{7 - number}.5,1.6,101')
        picture(folder / "images" / f"{theme}.jpg", seed=number)
    (folder / "OASIS.csv").write_text("\n".join([*lines, ""]))
    return folder


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (120, 90)) -> Path:
    """A picture of blurred noise, (width, height)."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


ITEMS = ("Good", "Bad", "Alert")


def make_emo_film(folder: Path, packed: bool = False, seconds: int = 5) -> Path:
    """The annotations of a film as OpenNeuro has them, without a header, and the film under a name of its own."""
    folder.mkdir(parents=True)
    text = "".join(f"{at * 0.25:.8f}\t-0.5\t{'n/a' if at == 2 else at}\n" for at in range(seconds))
    name = "Annot_BigBuckBunny_stim.tsv"
    (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode())) if packed else (folder / name).write_text(text)
    about = {"SamplingFrequency": 1.0, "Columns": list(ITEMS), "StartTime": 0}
    (folder / "Annot_BigBuckBunny_stim.json").write_text(json.dumps(about))
    film(folder / "big_buck_bunny_448x252.mp4", seconds)
    return folder


FILMS = ("After_The_Rain", "Payload", "Lesson_Learned")


def make_liris_continuous(folder: Path, seconds: int = 4) -> Path:
    """Two files per film, one value per second, and the films; the raters' own files lie in `raw`."""
    notes = folder / "continuous-annotations"
    (notes / "raw").mkdir(parents=True)
    (notes / "raw" / "1_Payload_Arousal.txt").write_text("no track")
    for number, name in enumerate(FILMS):
        film(folder / "continuous-movies" / f"{name}.mp4", seconds, level=30 * number)
        for target in ("Arousal", "Valence"):
            lines = [f"{at}\t{0.1 * number + 0.01 * at:.6f}\t0.2" for at in range(seconds)]
            (notes / f"{name}_{target}.txt").write_bytes("\r\n".join(["Time\tMean\tStd", *lines, ""]).encode())
    return folder
