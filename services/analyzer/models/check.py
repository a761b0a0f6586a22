"""Tries a network on one black picture, in a child held down like a decoder: what it costs now, it costs always."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from services.analyzer import limits
from services.analyzer.decoder import FRUGAL
from services.analyzer.models.card import Model, WrongModel, read

MIB = 1024 * 1024
SLACK_SECONDS = 30.0


def check(model: Model, memory: int, seconds: float, providers: Sequence[str]) -> None:
    """Raises WrongModel where a decoder with so much memory (bytes) and time could not use the model."""
    size = model.network.stat().st_size
    if size > memory:
        raise _too_large(model, f"has {size // MIB:,} MiB", memory)
    asked = (str(os.getpid()), str(model.folder / model.file), str(memory), str(seconds), *providers)
    ran = subprocess.run(
        (sys.executable, "-m", "services.analyzer.models.check", *asked),
        env=os.environ | FRUGAL,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=seconds + SLACK_SECONDS,
    )
    if ran.returncode == 0:
        return
    if ran.returncode in (-signal.SIGALRM, -signal.SIGXCPU):
        raise WrongModel(f"{model.network}: takes longer than {seconds:g} s for one picture; take a smaller one")
    if ran.stdout.startswith("memory"):
        raise _too_large(model, "does not fit", memory)
    said = (ran.stdout or ran.stderr).strip().splitlines() or [f"ends onnxruntime with {ran.returncode}"]
    raise WrongModel(said[-1] if ran.stdout else f"{model.network}: {said[-1][:300]}")


def _too_large(model: Model, what: str, memory: int) -> WrongModel:
    return WrongModel(
        f"{model.network}: {what}, and a decoder may have {memory // MIB:,} MiB; "
        "give it more with FRAMELOG_MODEL_MEMORY_BYTES, or take a smaller model"
    )


def main(parent: int, card: str, memory: int, seconds: float, providers: Sequence[str]) -> int:
    limits.end_with(parent)
    from services.analyzer.models.network import Network

    limits.confine(memory)
    try:
        with limits.within(seconds):
            model = read(Path(card))
            Network(model, providers).scores(Image.new("RGB", (model.card.input.width, model.card.input.height)))
    except WrongModel as wrong:
        print(wrong)
        return 1
    except MemoryError:
        print("memory")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:]))
