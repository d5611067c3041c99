"""A checkpoint by its name on the Hugging Face Hub: user/name, or user/name@revision.

Only the files of a checkpoint are downloaded, each by its name, and none of them runs code. They stay in the cache of
huggingface_hub (HF_HOME), so that a checkpoint that was loaded once loads without a network.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sec2sec.checkpoint_files import FILES, OPTIONAL_FILES, CheckpointError
from sec2sec.extras import require_extra

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(@[\w.][\w./-]{0,200})?")
LOOK_UP_SECONDS = 10.0  # until the Hub must have answered
MAX_REASON = 160  # characters of what a library said


def is_hub_name(checkpoint: Path | str) -> bool:
    """Whether a checkpoint is meant that lies on the Hub: user/name, where there is no folder `user` here."""
    text = str(checkpoint)
    return HUB_NAME.fullmatch(text) is not None and not Path(text.partition("/")[0]).exists()


def checkpoint_folder(checkpoint: Path | str) -> Path:
    """The folder of a checkpoint, downloaded where it is a name on the Hub. Raises CheckpointError in one line."""
    if not is_hub_name(checkpoint):
        return Path(checkpoint)
    require_extra("hub", f"{checkpoint}: a checkpoint of the Hugging Face Hub")
    with hub_errors_in_words(str(checkpoint)), without_log_of_hub():
        folder = _download(*str(checkpoint).partition("@")[::2])
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise CheckpointError(f"{checkpoint}: is no checkpoint of sec2sec: on the Hub it lacks {', '.join(missing)}")
    return folder


def _download(repository: str, revision: str) -> Path:
    """The folder in the cache. revision: empty for the newest."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    names = [*FILES, *OPTIONAL_FILES]
    try:  # first, and with a limit: a download would try for half a minute to reach what cannot be reached
        HfApi().model_info(repository, revision=revision or None, timeout=LOOK_UP_SECONDS)
    except HfHubHTTPError:
        raise
    except Exception as unreachable:
        try:
            return Path(
                snapshot_download(repository, revision=revision or None, allow_patterns=names, local_files_only=True)
            )
        except LocalEntryNotFoundError as absent:
            raise absent from unreachable
    return Path(snapshot_download(repository, revision=revision or None, allow_patterns=names))


def hub_name_of(folder: Path) -> str | None:
    """user/name@commit of a folder in the cache of huggingface_hub; None for any other."""
    repository, snapshots = folder.parent.parent.name, folder.parent.name
    if snapshots != "snapshots" or not repository.startswith("models--"):
        return None
    return f"{'/'.join(repository.split('--')[1:])}@{folder.name[:8]}"


@contextmanager
def hub_errors_in_words(name: str) -> Iterator[None]:
    """CheckpointError for whatever the Hub, its library or the network have to say. name: of the checkpoint."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise CheckpointError(
            f"{name}: its owner lets in who has asked; ask on its page, then `hf auth login`"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(
            f"{name}: no such folder here, and no such checkpoint on the Hugging Face Hub, or a private one; check the "
            "name, and for a private one `hf auth login` or HF_TOKEN"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise CheckpointError(f"{name}: has no such revision; leave out what follows @, or name a branch") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise CheckpointError(
            f"{name}: no such folder here, and the Hugging Face Hub cannot be reached ({_reason(error)}), nor is the "
            "checkpoint in the cache; check the network"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            why = "the Hub does not know you: `hf auth login`, or set HF_TOKEN"
        elif status == 403:
            why = "you have no permission for that; check the name, and that your token may write"
        else:
            why = f"the Hub answers with {status} ({_reason(error)}); try again later"
        raise CheckpointError(f"{name}: {why}") from error
    except CheckpointError:
        raise
    except Exception as error:  # of the network, of the disk, and of the library's own checks
        raise CheckpointError(f"{name}: the Hugging Face Hub cannot be used ({_reason(error)}); try again") from error


@contextmanager
def without_log_of_hub() -> Iterator[None]:
    """What huggingface_hub would log is said by the error, in one line."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _reason(error: BaseException) -> str:
    """The cause in a short line: the library wraps what the network said in sentences of its own."""
    cause = error.__cause__ or error
    return " ".join(str(cause).split())[:MAX_REASON] or type(cause).__name__
