"""The FastAPI application: a factory that wires the store to the routes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from deepsynth import __version__
from deepsynth.core.errors import DeepSynthError
from deepsynth.jobs import IllegalMoveError, StateManager, UnknownJobError
from deepsynth.web.config import WebConfig
from deepsynth.web.inference import mount_inference

_HTTP_STATUS: dict[type[DeepSynthError], int] = {UnknownJobError: 404, IllegalMoveError: 409}


def create_app(config: WebConfig) -> FastAPI:
    """Return the application over the store in `config.state_dir`."""
    app = FastAPI(title="DeepSynth", version=__version__)
    store = StateManager(config.state_dir)
    app.add_exception_handler(DeepSynthError, _answer_error)

    @app.get("/api/health")
    def health() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        """Tell that the process answers; needs no login."""
        return {"status": "ok"}

    @app.get("/api/jobs")
    def list_jobs() -> dict[str, list[dict[str, Any]]]:  # pyright: ignore[reportUnusedFunction]
        """List every job, newest first."""
        return {"jobs": [asdict(job) for job in store.list_jobs()]}

    @app.get("/api/jobs/{job_id}")
    def get_job(job_id: str) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """Return one job."""
        return asdict(store.get_job(job_id))

    mount_inference(app, config.inference)
    return app


async def _answer_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DeepSynthError)
    status = _HTTP_STATUS.get(type(error), 400)
    return JSONResponse({"error": type(error).__name__, "detail": str(error), "field": error.field}, status)
