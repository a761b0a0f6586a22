"""Stand-ins for what Framelog asks outside itself, to try classification and captions without weights or an account.

    python examples/stand_ins.py model FOLDER     writes a network that tells red, green and blue apart, and its card
    python examples/stand_ins.py captions PORT    answers POST /v1/chat/completions, as OpenAI's API does; Ctrl-C ends

and then, before the stack is started:

    framelog models add FOLDER/colours.toml
    FRAMELOG_CAPTION_URL=http://127.0.0.1:PORT/v1 FRAMELOG_CAPTION_MODEL=stand-in make run
"""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = ("red", "green", "blue")
CARD = """\
name = "colours"
version = 1
model = "colours.onnx"
labels = ["red", "green", "blue"]
softmax = true
[input]
name = "image"
width = 8
height = 8
layout = "NCHW"
colors = "RGB"
mean = 0.0
scale = 0.0625
resize = "stretch"
"""


def main(arguments: list[str]) -> int:
    match arguments:
        case ["model", folder]:
            write_model(Path(folder))
        case ["captions", port]:
            caption(int(port))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def write_model(folder: Path) -> None:
    """A real ONNX network: the mean of each channel is the answer for its colour."""
    from onnx import TensorProto, helper, numpy_helper

    axes = numpy_helper.from_array(np.array([2, 3], np.int64), "axes")
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["image", "axes"], ["answer"], keepdims=0)],
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["batch", 3])],
        [axes],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "colours.onnx").write_bytes(network.SerializeToString())
    (folder / "colours.toml").write_text(CARD)
    print(f"framelog models add {folder / 'colours.toml'}")


def caption(port: int) -> None:
    """Looks at the picture, and says which colour it is most."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            image = next(part for part in asked["messages"][-1]["content"] if part["type"] == "image_url")
            words = f"A picture, mostly {colour_of(image['image_url']['url'])}."
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": words}}
            usage = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}
            answer = {"object": "chat.completion", "model": asked["model"], "choices": [choice], "usage": usage}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"FRAMELOG_CAPTION_URL=http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
        server.serve_forever()


def colour_of(data_url: str) -> str:
    picture = Image.open(BytesIO(base64.b64decode(data_url.partition(",")[2]))).convert("RGB").resize((1, 1))
    channels: tuple[int, ...] = picture.getpixel((0, 0))  # type: ignore[assignment]
    return COLOURS[max(range(3), key=lambda channel: channels[channel])]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
