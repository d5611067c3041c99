"""The recipes of training seconds: they can be added to a checkpoint, taken out again, and compared as references."""

from __future__ import annotations

import numpy as np
import pytest

from recipes import compare_references, training_seconds
from sec2sec import encode
from sec2sec.checkpoints import identity, load_checkpoint
from sec2sec.datasets.known_truth import make_clips, read_planted
from sec2sec.explanations.out_of_distribution import load_training_seconds
from sec2sec.progress import drain
from tests.helpers.models import save_tiny


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips") / "made"
    drain(make_clips(folder, 12, 3, "plain", 0.0, 1, shares=(10, 1, 1), lengths=(5, 5)))
    return folder


def test_seconds_are_added_to_a_checkpoint_and_taken_out_again(tmp_path, clips, capsys):
    folder = save_tiny(tmp_path / "tiny")
    before = identity(folder)
    training_seconds.main([str(folder), str(clips), "--sampled", "7", "--workers", "0"])
    assert "7 seconds kept" in capsys.readouterr().out
    first = load_training_seconds(load_checkpoint(folder, "cpu"))
    assert {name: own.seconds for name, own in first.statistics.items()} == {"video": 50, "audio": 50}
    assert first.joint.seconds == 50, "of the ten training clips alone"
    assert len(first.sample) == 7
    bundle = load_checkpoint(folder, "cpu")
    encoded = [encode(file, bundle).tokens.video.half() for file in sorted((clips / "clips").iterdir())[:10]]
    of_clip = [
        [clip for clip, video in enumerate(encoded) if (video - second).abs().amax((1, 2)).min() < 0.01]
        for second in first.sample.tokens.video
    ]
    assert len({clip for (clip,) in of_clip}) == 7, "each is a second of another clip"
    training_seconds.main([str(folder), str(clips), "--keep", "--workers", "0"])
    second = load_training_seconds(load_checkpoint(folder, "cpu"))
    assert len(second.sample) == 50
    np.testing.assert_array_equal(second.statistics["video"].mean, first.statistics["video"].mean)
    training_seconds.main([str(folder), "--sampled", "0"])
    bare = load_training_seconds(load_checkpoint(folder, "cpu"))
    assert bare.sample is None
    np.testing.assert_array_equal(bare.joint.whiten, second.joint.whiten)
    assert identity(folder) == before


def test_the_table_compares_every_reference_with_the_training_mean(tmp_path, clips, capsys):
    folder = save_tiny(tmp_path / "tiny")
    training_seconds.main([str(folder), str(clips), "--workers", "0"])
    capsys.readouterr()
    compare_references.main([str(folder), str(clips)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{clips}: 12 clips or windows"
    rows = {tuple(cell.strip() for cell in line.split("|")[1:3]): line.split("|")[3:-1] for line in lines[4:]}
    assert set(rows) == {
        (target, f"{reference}")
        for target in ("arousal", "valence")
        for reference in ("neighbouring second", "random training seconds", "similar training seconds")
    }
    bundle = load_checkpoint(folder, "cpu")
    r, planted = [], []
    for name, truth in read_planted(clips).items():
        clip = encode(clips / "clips" / f"{name}.mp4", bundle)
        mean, other = (clip.effects("valence", ref).whole for ref in ("training mean", "random training seconds"))
        r.append(np.corrcoef(mean, other)[0, 1])
        planted.append(truth.decisive[int(np.abs(other - np.median(other)).argmax())])
    cells = [float(cell.replace("−", "-")) for cell in rows["valence", "random training seconds"]]
    assert cells[0] == pytest.approx(np.mean(r), abs=6e-4)
    assert cells[6] == pytest.approx(np.mean(planted), abs=6e-4)
