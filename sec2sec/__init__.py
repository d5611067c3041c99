"""sec2sec: why a model predicts how a video clip will be perceived, second by second.

    clip = sec2sec.encode("clip.mp4")            # decoded and encoded once; the bundled model, or a folder of yours
    clip.predict()                               # {"arousal": 0.94, …}
    clip.effects("arousal").whole                # (T,) change of the prediction when a second is taken away
    clip.without([3], "audio").predict()         # without the sound of one second
    clip.explain().to_frame()                    # everything, as a table

`load` reads a model once for many clips; `explain` is `encode(...).explain()`; `explain_all` goes through a folder or a
table of clips. T seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sec2sec.paths import program_paths

if TYPE_CHECKING:
    from sec2sec.checkpoints import Bundle
    from sec2sec.clip import EncodedClip, PresentedExplanation

__version__ = "0.1.0"
DEMO = program_paths().demo


def load(checkpoint: Path | str = DEMO, device: str = "auto") -> Bundle:
    """Read a checkpoint onto a device: "auto", "cpu" or "cuda". Raises CheckpointError or EncoderError.

    checkpoint: a folder, or user/name, or user/name@revision, of the Hugging Face Hub.
    """
    from sec2sec.checkpoints import load_checkpoint  # torch takes a second to import; `--help` must not

    return load_checkpoint(checkpoint, device)


def encode(
    clip: Path | str,
    checkpoint: Bundle | Path | str = DEMO,
    *,
    start: float = 0.0,
    end: float | None = None,
    video_track: int | None = None,
    audio_track: int | None = None,
) -> EncodedClip:
    """Decode and encode a clip, or its part from start to end in s: once, for every question that follows.

    video_track, audio_track: number of a track among those of its kind, from 1; the file's own choice if None.
    Seconds of work. Raises MediaError for a clip that cannot be used; it names the file, the finding and the remedy.

        clip = sec2sec.encode("clip.mp4")
        clip.predict()                              # {"arousal": 0.94, …}
        clip.without([3], "audio").predict()        # the same without the sound of one second
    """
    from sec2sec.clip import encode as encode_clip
    from sec2sec.config import TrackChoice

    tracks = TrackChoice(video_track, audio_track)
    return encode_clip(clip, _loaded(checkpoint), start=start, end=end, tracks=tracks)


def explain(
    clip: Path | str,
    checkpoint: Bundle | Path | str = DEMO,
    *,
    start: float = 0.0,
    end: float | None = None,
    video_track: int | None = None,
    audio_track: int | None = None,
) -> PresentedExplanation:
    """Why a model predicts what it predicts of a clip, or of its part from start to end in s. Raises MediaError.

    video_track, audio_track: number of a track among those of its kind, from 1; the file's own choice if None.

    explanation = sec2sec.explain("clip.mp4")
    explanation.targets["arousal"].effect       # (T,) what each second did to the prediction
    explanation.to_frame()                      # a table with a row per target and second
    """
    from sec2sec.clip import explain as explain_clip
    from sec2sec.config import TrackChoice

    tracks = TrackChoice(video_track, audio_track)
    return explain_clip(clip, _loaded(checkpoint), start=start, end=end, tracks=tracks)


def explain_all(
    clips: Path | str | Iterable[Path | str],
    checkpoint: Bundle | Path | str = DEMO,
    *,
    start: float = 0.0,
    end: float | None = None,
    video_track: int | None = None,
    audio_track: int | None = None,
) -> Iterator[tuple[Path, PresentedExplanation | Exception]]:
    """Each clip with its explanation, or with the error that says why there is none, as soon as it is known.

    clips: a folder, a table clips.csv, or paths of single files. The rest as of `explain`. No more than one explanation
    is held here, so that memory does not grow with their number. Raises DataError for a folder or table without clips.

        for path, explanation in sec2sec.explain_all("my-clips"):
            if not isinstance(explanation, Exception):
                print(path.name, explanation.targets["arousal"].prediction)
    """
    from sec2sec.config import TrackChoice
    from sec2sec.many.clips import find_clips, name_clips
    from sec2sec.many.each import by_model, explain_in_turn

    listed = find_clips(Path(clips)) if isinstance(clips, (str, Path)) else name_clips(clips)
    tracks = TrackChoice(video_track, audio_track)
    return explain_in_turn(listed, by_model(_loaded(checkpoint), start=start, end=end, tracks=tracks))


def audit(
    clip: Path | str,
    predict: Callable[[list[Any]], Sequence[Mapping[str, Any]]],
    *,
    name: str = "",
    version: str = "",
    learned_from: str = "",
    inputs: Literal["files", "arrays"] = "files",
    scales: Mapping[str, tuple[float, float]] | None = None,
    references: Sequence[str] = ("silence-black", "tone-held"),
    budget: int | str | None = None,
    workers: int = 1,
    batch: int = 8,
    limit: float = 120.0,
    ask_again: bool = False,
    start: float = 0.0,
    end: float | None = None,
) -> PresentedExplanation:
    """What a predictor that is not ours goes by in a clip: the explanation that `explain` gives of a model of ours.

    predict: takes a list of paths of clips and returns a list with a dictionary for each, such as {"arousal": 0.7}. It
    is asked about the clip and about edited copies of it, up to `batch` at a time by each of `workers` threads. With
    inputs="arrays" it takes decoded clips instead (sec2sec.predictors.arrays.ClipArrays).

    name, version, learned_from: as the explanation calls it; answers of a version are kept for the next time, and that
    of a plain function is a hash of its file. scales: (lowest, highest) of targets that are not counted from 0 to 1.
    budget: a number of predictions, or a time as "5m". limit: s for one clip. Raises MediaError or PredictorError.

        explanation = sec2sec.audit("clip.mp4", predict)
        explanation.targets["arousal"].effect       # (T,) what each second did to the prediction
    """
    from sec2sec.predictors.audit import AuditSettings, audit_steps
    from sec2sec.predictors.effort import Budget
    from sec2sec.predictors.predictor import FunctionPredictor, identity_of
    from sec2sec.progress import drain
    from sec2sec.scales import Scale

    identity = identity_of(predict, name, version, learned_from)
    predictor = FunctionPredictor(predict, identity, inputs=inputs, workers=workers, batch=batch, limit=limit)
    settings = AuditSettings(
        tuple(references),
        None if budget is None else Budget.read(str(budget)),
        {target: Scale(target, *ends) for target, ends in (scales or {}).items()},
        ask_again=ask_again,
    )
    return drain(audit_steps(clip, predictor, settings, start=start, end=end))


def _loaded(checkpoint: Bundle | Path | str) -> Bundle:
    return load(checkpoint) if isinstance(checkpoint, (str, Path)) else checkpoint
