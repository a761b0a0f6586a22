"""How colourful a picture is: a plug-in for Framelog."""

import numpy as np

from services.analyzer.algorithm import NO_PARAMS, Finding, object_schema


class Saturation:
    name, version = "saturation", 1
    description = "How colourful the picture is: 0 for grey, 1 for nothing but pure colours."
    params_schema = NO_PARAMS
    result_schema = object_schema(mean={"type": "number", "minimum": 0, "maximum": 1})

    def __init__(self, settings):
        """Raise `contracts.algorithms.Disabled("why")` where it cannot run."""

    def analyze(self, image, params):
        hue_saturation_value = np.asarray(image.small.convert("RGB").convert("HSV"))
        return Finding({"mean": round(float(hue_saturation_value[..., 1].mean()) / 255, 4)})
