"""What the file says of the picture, without decoding a pixel."""

from contracts.events import Params
from services.analyzer import pixels
from services.analyzer.algorithm import Finding, House, object_schema
from services.analyzer.decoded import DecodedImage


class Metadata(House):
    name = "metadata"
    version = 1
    description = "Dimensions (upright), format, mode, frames, colour profile, orientation and depth."
    result_schema = object_schema(
        width={"type": "integer", "minimum": 1},
        height={"type": "integer", "minimum": 1},
        format={"type": "string"},
        mode={"type": "string", "description": "Pillow's name of the pixel format"},
        frames={"type": "integer", "minimum": 1},
        animated={"type": "boolean"},
        has_alpha={"type": "boolean"},
        icc_profile={"type": ["string", "null"], "description": "the name the colour profile gives itself"},
        orientation={"type": "integer", "minimum": 1, "maximum": 8, "description": "EXIF orientation as stored"},
        bits={"type": "integer", "description": "bits of one channel"},
    )

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        header = image.header
        return Finding(
            {
                "width": header.width,
                "height": header.height,
                "format": header.format,
                "mode": header.mode,
                "frames": header.frames,
                "animated": header.frames > 1,
                "has_alpha": header.has_alpha,
                "icc_profile": pixels.profile_name(header.icc) if header.icc else None,
                "orientation": header.orientation,
                "bits": header.bits,
            }
        )
