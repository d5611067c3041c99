"""Errors that are written for people: a command ends with their one line and 2, the app shows them, no traceback.

Anything else is a mistake of this program: it keeps its traceback. Each sentence names what was found and what to do.

    ValueError
    ├── ScoresError             evaluation.suite.files.score: scores of an explainer; it stands alone, without this file
    └── UserError
        ├── SettingsError       a setting or an option
        │   └── DeviceError     a device that is not there
        ├── MissingExtraError   packages that a plain installation leaves out
        ├── FileError           a file that cannot be written or found; an OSError as well
        ├── MediaError          media.container: a clip
        ├── CheckpointError     checkpoint_files: a folder with a model
        ├── EncoderError        encoders.base: published weights
        ├── DataError           datasets.table: a data set
        │   └── SeenClipsError  evaluation.evaluate: clips that the checkpoint learned from
        ├── StoredError         export.stored: a file of the program's own that cannot be read
        ├── ExplanationError    an explanation that has no answer for what was asked
        ├── AskError            clip: a question that a clip or a system has no answer to
        ├── PredictorError      predictors.answers: a predictor that is not ours, or its answer
        ├── EditError           edits.plan: an edit of a clip
        ├── ClaimError          predictors.claims: a claim that says nothing that can be tested
        ├── TrainingError       training.loop: a training, a search or a benchmark that cannot go on
        │   └── DivergedError   training.loop: its loss is no number any more
        ├── JobError            jobs.job: a training that the app started
        ├── TimeOverError       ui.work: work that took longer than the host allows
        ├── ClipGoneError       ui.bounded_cache: a clip that is no longer in memory
        └── RefusedOnGpuError   ui.gpu: what the process of a lent GPU could not do
"""

from __future__ import annotations


class UserError(ValueError):
    """Something that the person who asked can put right; the sentence says how."""


class SettingsError(UserError):
    """Settings that cannot be used: names the field, what was found and what to do."""


class DeviceError(SettingsError):
    """A device that does not exist, or that this machine does not have."""


class MissingExtraError(UserError):
    """A part of the program whose packages are not installed: says how to install them."""


class FileError(UserError, OSError):
    """A file that cannot be written or found: names it and says what to do."""


class ExplanationError(UserError):
    """An explanation that cannot be given of this clip or model: says why, and what to choose instead."""


def one_line(error: BaseException) -> str | None:
    """The sentence of an error that a person can put right, in one line; None for a mistake of this program.

    Besides UserError these are the errors of the operating system, such as a full disk: the file, and what it said.
    """
    if isinstance(error, UserError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return " ".join(f"{where}{error.strerror}".split())
    return None
