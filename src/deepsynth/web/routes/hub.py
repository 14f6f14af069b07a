"""The login at the Hugging Face Hub."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepsynth.core.errors import InputError
from deepsynth.jobs.executor import executors
from deepsynth.web.bodies import Body
from deepsynth.web.services import Wired

router = APIRouter(tags=["system"])


class Hub(BaseModel):
    """The login at the Hub, without its token."""

    present: bool
    user: str | None
    source: str | None
    checked: bool
    keyring: bool


class HubToken(Body):
    """A token, on its only way: in."""

    token: str = Field(min_length=8, max_length=200)
    remember: bool = False


@router.get("/api/hub", response_model=Hub)
def show_hub(services: Wired) -> dict[str, Any]:
    """Tell whether there is a token, and whose."""
    return services.hub.status()


@router.put("/api/hub/token", response_model=Hub)
def set_hub_token(services: Wired, body: HubToken) -> dict[str, Any]:
    """Take a token; it is never given back."""
    if not services.config.run_queue:
        raise InputError("a worker runs the jobs here: give it HF_TOKEN, or `hf auth login` there", field="token")
    if executors.get(services.config.executor).elsewhere:
        raise InputError("jobs run on other machines: give them HF_TOKEN, or `hf auth login` there", field="token")
    return services.hub.log_in(body.token, remember=body.remember)


@router.delete("/api/hub/token", response_model=Hub)
def forget_hub_token(services: Wired) -> dict[str, Any]:
    """Forget the token."""
    return services.hub.log_out()
