"""Serves a model with Ray Serve: replicas behind one address, each with the HTTP interface of `deepsynth web`.

    pip install "deepsynth[web]" "ray[serve]>=2.60"
    python examples/serve_ray.py replicas=2 inference.model=runs/train/checkpoint-500 gpus=1

Each replica runs the model in a process of its own. With `inference.vllm=http://127.0.0.1:8000/v1` (and `inference.model`
naming the folder that vLLM serves) the replicas draw the pages and put the questions, and vLLM runs the model. On a cluster,
run it on the head node (`RAY_ADDRESS=auto`); the model's folder and the token's file must be on every node, under the same
names. What other machines can reach wants a token, as in `deepsynth web`:

    python examples/serve_ray.py host=0.0.0.0 token_file=/run/secrets/token allowed_hosts=models.example:8000
"""

import sys
import time
from pathlib import Path

from fastapi import FastAPI, Request, Response
from pydantic import Field
from ray import serve

from deepsynth.core.config import Config, merge
from deepsynth.core.errors import DeepSynthError, SettingsError
from deepsynth.web.__main__ import is_loopback
from deepsynth.web.config import WebConfig, access_token
from deepsynth.web.gate import Gate
from deepsynth.web.inference.config import InferenceConfig
from deepsynth.web.inference.mounting import mount_inference
from deepsynth.web.login import Login


class ServeSettings(Config):
    """How a model is served; any of it may be named as `name=value`."""

    inference: InferenceConfig = InferenceConfig(preload=True)
    replicas: int = Field(default=2, ge=1)
    cpus: float = Field(default=1, ge=0)
    """Processors that Ray counts for each replica."""
    gpus: float = Field(default=0, ge=0)
    """Accelerators of each replica; none where vLLM has them."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    allowed_hosts: tuple[str, ...] = ()
    """Further names, `name` or `name:port`, by which it may be called; separated by commas."""
    token_file: Path | None = None


@serve.deployment
@serve.ingress()
class Replica:
    """One of the replicas; Ray starts another in its place when it dies or says that it is not well."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings

    def __serve_build_asgi_app__(self) -> FastAPI:
        settings = self._settings
        app = FastAPI(title="DeepSynth", docs_url=None, redoc_url=None)
        self._service = mount_inference(app, settings.inference)
        app.add_middleware(
            Gate,
            login=Login(access_token(WebConfig(token_file=settings.token_file), {})),
            hosts=frozenset({f"{settings.host}:{settings.port}", *settings.allowed_hosts}),
            read_only=lambda: False,
            audit=lambda *_: None,
            login_page=lambda: "Send the token as Bearer.",
        )
        name = serve.get_replica_context().replica_id.unique_id

        @app.middleware("http")
        async def sign(request: Request, call_next) -> Response:
            answer = await call_next(request)
            answer.headers["X-Replica"] = name
            return answer

        return app

    def check_health(self) -> None:
        if str(self._service.state) == "failed":
            raise RuntimeError("the model's process does not start; see the replica's log")


def build(settings: ServeSettings) -> serve.Application:
    """Return the application; `serve.run` takes it."""
    inference = settings.inference
    return Replica.options(
        num_replicas=settings.replicas,
        ray_actor_options={"num_cpus": settings.cpus, "num_gpus": settings.gpus},
        max_ongoing_requests=inference.max_running + inference.max_waiting,  # beyond that a replica says 429 itself
        graceful_shutdown_timeout_s=30,
    ).bind(settings)


def main(words: list[str]) -> None:
    """Serve until stopped."""
    values = {name: value for name, _, value in (word.partition("=") for word in words)}
    if "allowed_hosts" in values:
        values["allowed_hosts"] = values["allowed_hosts"].split(",")
    settings = ServeSettings.parse(merge({"inference": {"preload": True}}, values))
    if settings.token_file is None and not is_loopback(settings.host):
        raise SettingsError(
            f"host {settings.host} is not loopback, so a token is required: name a token_file", field="host"
        )
    serve.start(http_options={"host": settings.host, "port": settings.port})
    serve.run(build(settings), name="deepsynth", route_prefix="/")
    print(f"DeepSynth serves http://{settings.host}:{settings.port}/ with {settings.replicas} replicas", flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except DeepSynthError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        serve.shutdown()
