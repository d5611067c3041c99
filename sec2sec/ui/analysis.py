"""What Inspect computes of a clip, on a device by name: of this process, or lent."""

from __future__ import annotations

from sec2sec.clip import explain_steps
from sec2sec.explanations.stability import SHIFTS, Bands, stability_steps
from sec2sec.progress import Steps
from sec2sec.ui.chosen_clip import ClipPart, ClipResult
from sec2sec.ui.devices import device_words
from sec2sec.ui.gpu import on_gpu
from sec2sec.ui.models import Models


@on_gpu(lambda models, name, device, clip: clip.gpu_seconds())
def explain_on_device(models: Models, name: str | None, device: str, clip: ClipPart) -> Steps[ClipResult]:
    """explain_steps with a model by name, on a device by name."""
    bundle = models.get(name, device)
    start, end = clip.part
    encoded = yield from explain_steps(clip.path, bundle, start=start, end=end, limits=clip.limits, tracks=clip.tracks)
    assert encoded.preview is not None, "it was made of a file"
    return ClipResult(encoded.explain(), encoded.preview, device_words(bundle.device), encoded.tokens.cpu())


@on_gpu(lambda models, seeds, device, clip: clip.gpu_seconds(len(SHIFTS) + len(seeds)))
def measure_on_device(models: Models, seeds: list[str], device: str, clip: ClipPart) -> Steps[tuple[Bands, str]]:
    """stability_steps with a model by name and then the other seeds of its training, and the device in words."""
    bundles = [models.get(seed, device) for seed in seeds]
    start, end = clip.part
    bands = yield from stability_steps(clip.path, bundles, start=start, end=end, limits=clip.limits, tracks=clip.tracks)
    return bands, device_words(bundles[0].device)
