"""How loud a clip is, from 0 to 1: a predictor in a dozen lines, as a function and as a command.

sec2sec audit clip.mp4 --python examples.loudness:predict
sec2sec audit clip.mp4 --command 'python examples/loudness.py {clip}'
"""

import json
import sys
from pathlib import Path

import av
import numpy as np


def predict(clips: list[Path]) -> list[dict[str, float]]:
    """The root mean square of each clip's sound; mono, full scale is 1."""
    answers = []
    for clip in clips:
        with av.open(str(clip)) as file:
            sound = np.concatenate([block.to_ndarray().mean(axis=0) for block in file.decode(audio=0)])
        answers.append({"loudness": float(np.sqrt((sound**2).mean()))})
    return answers


if __name__ == "__main__":
    print(json.dumps(predict([Path(sys.argv[1])])[0]))
