"""Encoders by their names: what each family says of its members, and the pair that a training asked for."""

from __future__ import annotations

from dataclasses import replace

from sec2sec.config import COMPACT, CROP, RESIZE, AudioEncoderConfig, EncoderConfig, VideoEncoderConfig
from sec2sec.encoder_names import R2PLUS1D, RESNET, TIMM, TRANSFORMERS
from sec2sec.errors import SettingsError

# The default grids: maps of more are pooled, as the paper's are for training (docs/decisions/0041)
MAX_SIDE = 4  # rows, and columns, of places
MAX_BANDS, MAX_TIMES = 4, 8  # of the sound, as the compact encoder gives


def named_config(video: str, audio: str, frames_per_second: int = 0) -> EncoderConfig:
    """The pair of encoders with these names, on the default grids. Raises EncoderError where files are missing.

    frames_per_second: of an encoder of single pictures; 0: its default.
    """
    video_config, width, rate = describe_video(video)
    if frames_per_second and frames_per_second != rate:
        if video_config.grid[0] != rate:
            raise SettingsError(f"{video} takes {rate} frames per second together; omit frames_per_second")
        rate, (_, rows, columns) = frames_per_second, video_config.grid
        video_config = replace(video_config, grid=(rate, rows, columns))
    audio_config, audio_width = describe_audio(audio)
    compact = EncoderConfig.compact()
    return EncoderConfig(
        "named",
        frames_per_second=rate,
        width=width,
        audio_width=audio_width,
        video_grid=compact.video_grid if video == COMPACT else pooled_video(video_config.grid),
        audio_grid=compact.audio_grid if audio == COMPACT else pooled_audio(audio_config.grid),
        video_encoder=video_config,
        audio_encoder=audio_config,
    )


def pooled_video(map: tuple[int, int, int]) -> tuple[int, int, int]:
    """The default grid of a map (time, height, width)."""
    times, rows, columns = map
    return times, min(rows, MAX_SIDE), min(columns, MAX_SIDE)


def pooled_audio(map: tuple[int, int]) -> tuple[int, int]:
    """The default grid of a map (band, time)."""
    bands, times = map
    return min(bands, MAX_BANDS), min(times, MAX_TIMES)


def describe_video(name: str) -> tuple[VideoEncoderConfig, int, int]:
    """The encoder of a name, its channels C and its frames per second M."""
    family, _, rest = name.partition(":")
    if name == R2PLUS1D:
        paper = EncoderConfig.paper()
        config = VideoEncoderConfig(name=name, grid=paper.maps[0], resize=RESIZE, crop=CROP)
        return config, paper.width, paper.frames_per_second
    if family == TIMM:
        from sec2sec.encoders import timm_images

        return timm_images.describe_video(rest)
    if family == TRANSFORMERS:
        from sec2sec.encoders import transformers_images

        return transformers_images.describe_video(rest)
    compact = EncoderConfig.compact()
    return VideoEncoderConfig(name=COMPACT), compact.width, compact.frames_per_second


def describe_audio(name: str) -> tuple[AudioEncoderConfig, int]:
    """The encoder of a name, and its channels C."""
    if name == RESNET:
        paper = EncoderConfig.paper()
        return AudioEncoderConfig(name=name, grid=paper.maps[1]), paper.width
    family, _, rest = name.partition(":")
    if family == TRANSFORMERS:
        from sec2sec.encoders import transformers_audio

        return transformers_audio.describe_audio(rest)
    return AudioEncoderConfig(name=COMPACT), EncoderConfig.compact().width


def part_of(config: EncoderConfig, name: str) -> EncoderConfig:
    """What an encoder of a preset is built from, where it is one of a named pair."""
    base = EncoderConfig.paper() if name in (R2PLUS1D, RESNET) else EncoderConfig.compact()
    if name != COMPACT:
        return base
    return replace(base, video_grid=config.video_grid, audio_grid=config.audio_grid, audio=config.audio)
