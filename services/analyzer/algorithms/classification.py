"""What the picture shows, by the newest network that is installed: the labels that fit best, and how well."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from contracts.algorithms import Disabled, Schema
from contracts.events import Params
from services.analyzer.algorithm import Finding, Settings, object_schema
from services.analyzer.decoded import DecodedImage
from services.analyzer.models.card import Model, WrongModel
from services.analyzer.models.shelf import newest

if TYPE_CHECKING:
    from services.analyzer.models.network import Network

TOP_K, MOST = 5, 20
PREPARATION = 1
"""Rises, up to 99, whenever the same network may be given other numbers for the same picture."""

PARAMS: Schema = {
    "type": "object",
    "properties": {"top_k": {"type": "integer", "minimum": 1, "maximum": MOST, "default": TOP_K}},
    "additionalProperties": False,
}
LABEL = object_schema(label={"type": "string"}, score={"type": "number", "description": "0 to 1 after softmax"})


class Classification:
    """The network is loaded when the first picture comes, where memory and time are limited; the card at once."""

    name = "classification"
    description = "The labels that fit best, by an ONNX network; `label=` finds images by them."
    params_schema = PARAMS
    result_schema = object_schema(
        model={"type": "string", "description": "the name on the network's card"},
        labels={"type": "array", "maxItems": MOST, "items": LABEL, "description": "the best first"},
    )

    def __init__(self, settings: Settings) -> None:
        self._model = _installed(settings)
        self._providers = settings.get("onnx_providers", "CPUExecutionProvider").split(",")
        card = self._model.card
        self.version = fact_version(card.version)
        self.description = f"The labels that fit best of {len(self._model.labels)}, by {card.name} {card.version}."

    @cached_property
    def _network(self) -> "Network":
        from services.analyzer.models.network import Network  # onnxruntime, for the decoders that need it alone

        return Network(self._model, self._providers)

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        scores = self._network.scores(image.large)
        best = np.argsort(-scores, kind="stable")[: int(params.get("top_k", TOP_K))]
        labels = [{"label": self._model.labels[one], "score": float(scores[one])} for one in best]
        return Finding({"model": self._model.card.name, "labels": labels})


def fact_version(card_version: int) -> int:
    """Of a fact: the card's version, then two digits that say how Framelog prepares pictures. 3 gives 301."""
    return card_version * 100 + PREPARATION


def _installed(settings: Settings) -> Model:
    try:
        model = newest(Path(settings["models"])) if "models" in settings else None
    except WrongModel as wrong:
        raise Disabled(str(wrong)) from None
    if model is None:
        raise Disabled("no model is installed: `framelog models add PATH` checks and installs one")
    return model
