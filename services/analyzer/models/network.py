"""A network at work: ONNX through onnxruntime, which is imported here and nowhere else."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from services.analyzer.models.card import Input, Model, WrongModel
from services.analyzer.models.prepared import prepared

DTYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
DIGITS = 4
NO_MEMORY = ("bad_alloc", "bad allocation", "alloc memory", "allocate memory", "AllocateRawInternal")

Scores = NDArray[np.float64]


class Network:
    """Loads it. Raises WrongModel where it does not load or is not what its card says, MemoryError."""

    def __init__(self, model: Model, providers: Sequence[str]) -> None:
        self._model = model
        card = model.card
        with _explained(model, "cannot be loaded as ONNX"):
            self._session = onnxruntime.InferenceSession(model.network, _options(), providers=_known(providers))
        self._dtype = _dtype(model, self._session.get_inputs())
        outputs = [one.name for one in self._session.get_outputs()]
        self._output = card.output or outputs[0]
        if self._output not in outputs:
            raise WrongModel(f"{model.network}: has no output {card.output!r}; its outputs are {', '.join(outputs)}")

    def scores(self, image: Image.Image) -> Scores:
        """One of each label, in their order, rounded. Raises WrongModel, MemoryError."""
        wanted = self._model.card.input
        numbers = prepared(image, wanted).astype(self._dtype, copy=False)
        with _explained(self._model, "cannot be run"):
            (answered,) = self._session.run([self._output], {wanted.name: numbers})
        values = np.asarray(answered, dtype=np.float64).reshape(-1)
        self._check(values)
        return np.round(softmax(values) if self._model.card.softmax else values, DIGITS)

    def _check(self, values: Scores) -> None:
        labels = len(self._model.labels)
        if len(values) != labels:
            raise WrongModel(
                f"{self._model.network}: answers with {len(values)} numbers, and its card has {labels} labels; "
                "give one label for each, in their order"
            )
        if not np.isfinite(values).all():
            raise WrongModel(f"{self._model.network}: answers with what is no number; do mean and scale fit?")


def softmax(logits: Scores) -> Scores:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()  # type: ignore[no-any-return]


def _options() -> Any:
    """One thread, as there are as many decoders as cores; the same picture then always adds up the same way.

    Without an arena no more memory is taken than is used: it is limited, and Python's heap keeps it for the next one.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return options


def _known(providers: Sequence[str]) -> list[str]:
    known = onnxruntime.get_available_providers()
    if missing := [name for name in providers if name not in known]:
        raise WrongModel(
            f"FRAMELOG_ONNX_PROVIDERS: this onnxruntime has no {', '.join(missing)}; it has {', '.join(known)}"
        )
    return list(providers)


def _dtype(model: Model, inputs: Sequence[Any]) -> type[np.generic]:
    """Of the numbers that go in. Raises WrongModel where the card speaks of another input."""
    wanted = model.card.input
    if [one.name for one in inputs] != [wanted.name]:
        names = ", ".join(one.name for one in inputs)
        raise WrongModel(f"{model.network}: its inputs are {names}; the card has input.name = {wanted.name!r} alone")
    (found,) = inputs
    if not _fits(found.shape, _shape(wanted)):
        raise WrongModel(
            f"{model.network}: takes {_said(found.shape)}, and its card says {_said(_shape(wanted))}; "
            "correct input.width, input.height and input.layout"
        )
    if found.type not in DTYPES:
        raise WrongModel(f"{model.network}: takes {found.type}; only {', '.join(DTYPES)} can be made of a picture")
    return DTYPES[found.type]


def _shape(wanted: Input) -> tuple[int, ...]:
    size = (wanted.height, wanted.width)
    return (1, 3, *size) if wanted.layout == "NCHW" else (1, *size, 3)


def _fits(shape: Sequence[object], wanted: Sequence[int]) -> bool:
    """A dimension without a number takes any."""
    return len(shape) == len(wanted) and all(
        not isinstance(one, int) or one == want for one, want in zip(shape, wanted, strict=True)
    )


def _said(shape: Sequence[object]) -> str:
    return " × ".join(map(str, shape))


@contextmanager
def _explained(model: Model, what: str) -> Iterator[None]:
    try:
        yield
    except (WrongModel, MemoryError):
        raise
    except Exception as error:  # onnxruntime's exceptions have no base of their own
        said = " ".join(str(error).split())
        if any(word in said for word in NO_MEMORY):
            raise MemoryError(said) from error
        raise WrongModel(f"{model.network}: {what}: {said[:300]}") from None
