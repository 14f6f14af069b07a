"""A loopback server that speaks vLLM's OpenAI protocol over the tiny model, and refuses what vLLM refuses.

Written after vLLM's public documentation: model cards with `max_model_len` and `parent`; streams with usage and token ids;
400 with `BadRequestError` for what does not fit; placeholders in the text that must match the pictures. It is no vLLM: that
needs an accelerator, and nothing here says how vLLM computes.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from deepsynth.core.documents import Example, Page
from deepsynth.inference.engine import Finished, Prompt
from deepsynth.inference.writing import Writing

KNOWN = {
    "model", "messages", "max_tokens", "min_tokens", "temperature", "top_p", "seed", "stop", "stream", "stream_options",
    "return_token_ids", "vllm_xargs",
}  # fmt: skip


class Refused(Exception):
    def __init__(self, message, status=400):
        super().__init__(message)
        self.status = status


class StandIn:
    """The server; `summarizer` holds the tiny model, `mode` is how it reads pictures."""

    def __init__(self, summarizer, *, mode="nano-128", window=4096, images=8, adapters=()):
        self.engine, self.mode, self.window, self.images = summarizer.engine, mode, window, images
        self.model, self.adapters = "served-model", adapters
        self.requests, self.aborted, self.delay = [], 0, 0.0
        self.lock = threading.Lock()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"  # one connection a request

            def do_GET(self):
                self.answer(200, stand_in.cards()) if self.path == "/v1/models" else self.answer(404, {})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stand_in.requests.append(body)
                try:
                    stand_in.chat(self, body)
                except Refused as error:
                    kind = "NotFoundError" if error.status == 404 else "BadRequestError"
                    self.answer(error.status, {"error": {"message": str(error), "type": kind, "code": error.status}})
                except (BrokenPipeError, ConnectionResetError):
                    stand_in.aborted += 1
                    self.close_connection = True

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def cards(self):
        base = {"id": self.model, "object": "model", "max_model_len": self.window, "parent": None}
        loras = [{"id": name, "object": "model", "max_model_len": None, "parent": self.model} for name in self.adapters]
        return {"object": "list", "data": [base, *loras]}

    def chat(self, handler, body):
        prompt = self.read(body)
        processor = self.engine.processor(self.mode)
        count = len(processor.encode(prompt.example, with_summary=False).input_ids)
        if count + body["max_tokens"] > self.window:
            raise Refused(
                f"This model's maximum context length is {self.window} tokens. However, you requested"
                f" {count + body['max_tokens']} tokens ({count} in the messages, {body['max_tokens']} in the completion)."
            )
        ids, answer = self.write(prompt)
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        text = ""
        for done, token in enumerate(ids, start=1):
            now = processor.decode(ids[:done])
            last = done == len(ids)
            now = now.rstrip("\ufffd") if not last else now
            choice = {"index": 0, "delta": {"content": now[len(text) :]}, "token_ids": [token], "finish_reason": None}
            if last:
                stopped = answer.stop_reason == "stop"
                choice["finish_reason"] = "length" if answer.stop_reason == "length" else "stop"
                choice["stop_reason"] = body["stop"][0] if stopped else None
                choice["delta"]["content"] = answer.text[len(text) :]
            text = max(text, now, key=len)
            self.send(handler, {"choices": [choice], "usage": usage(count, done)})
            time.sleep(self.delay)
        self.send(handler, {"choices": [], "usage": usage(count, len(ids))})
        handler.wfile.write(b"data: [DONE]\n\n")

    def send(self, handler, chunk):
        handler.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        handler.wfile.flush()

    def read(self, body):
        if set(body) - KNOWN:
            raise Refused(f"the stand-in knows no {sorted(set(body) - KNOWN)}")
        if body["model"] not in (self.model, *self.adapters):
            raise Refused(f"The model `{body['model']}` does not exist.", 404)
        if body["min_tokens"] > body["max_tokens"] or body["max_tokens"] < 1:
            raise Refused(f"min_tokens must be less than or equal to max_tokens={body['max_tokens']}")
        if body["temperature"] < 0 or not 0 < body["top_p"] <= 1:
            raise Refused("temperature or top_p is out of range")
        self.check_xargs(body.get("vllm_xargs", {}))
        (message,) = body["messages"]
        pictures = [part["image_url"]["url"] for part in message["content"] if part["type"] == "image_url"]
        (text,) = [part["text"] for part in message["content"] if part["type"] == "text"]
        if len(pictures) > self.images:
            raise Refused(f"At most {self.images} image(s) may be provided in one prompt.")
        if text.count("<image>") != len(pictures):
            raise Refused("Found more '<image>' placeholders in input prompt than actual multimodal data items.")
        pages = tuple(self.page(url, number) for number, url in enumerate(pictures))
        before, _, instruction = text.rpartition("\n")
        example = Example(id="request", pages=pages, instruction=instruction, text=None if pages else before)
        rules = {
            "max_new_tokens": body["max_tokens"], "min_new_tokens": body["min_tokens"], "top_p": body["top_p"],
            "temperature": body["temperature"], "seed": body.get("seed"), "stop": tuple(body.get("stop", ())),
            "no_repeat_ngram_size": body.get("vllm_xargs", {}).get("ngram_size", 0), "repetition_times": 0,
        }  # fmt: skip
        return Prompt(example=example, mode=self.mode, writing=Writing.parse(rules))

    def check_xargs(self, values):
        if not values:
            return
        if not all(isinstance(values.get(name), int) and values[name] > 0 for name in ("ngram_size", "window_size")):
            raise Refused("ngram_size and window_size have to be strictly positive integers")
        if not isinstance(values.get("whitelist_token_ids", []), list):
            raise Refused("vllm_xargs takes strings, numbers and lists of them")

    def page(self, url, number):
        if not url.startswith("data:image/png;base64,"):
            raise Refused("only data URLs are allowed here")
        image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
        return Page(document_id="request", number=number, image=image.convert("RGB" if image.mode == "RGB" else "L"))

    def write(self, prompt):
        with self.lock:
            self.engine.submit(1, prompt)
            writers = []
            while True:
                for event in self.engine.step():
                    if isinstance(event, Finished):
                        return writers[0].ids, event.answer
                writers = writers or [row.writer for row in self.engine._rows]


def usage(prompt, completion):
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
