"""Logging in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from deepsynth.web.bodies import Body
from deepsynth.web.errors import TooManyError, WrongLoginError
from deepsynth.web.login import COOKIE, SESSION_SECONDS
from deepsynth.web.services import Wired

router = APIRouter(tags=["login"])


class Session(BaseModel):
    """Whether one must log in, and has."""

    login_required: bool
    logged_in: bool


class Credentials(Body):
    """A code out of a login link, or the token."""

    code: str = Field(default="", max_length=200)
    token: str = Field(default="", max_length=500)


@router.get("/api/session", response_model=Session)
def show_session(services: Wired, request: Request) -> dict[str, bool]:
    """Tell whether one must log in, and has; open to all."""
    cookie = request.cookies.get(COOKIE, "")
    known = bool(cookie) and services.login.accepts_session(cookie)
    return {"login_required": services.login.required, "logged_in": known or not services.login.required}


@router.post("/api/login", status_code=204)
def log_in(services: Wired, body: Credentials, request: Request) -> Response:
    """Open a session with a code, once, or with the token; the cookie can be read by no script."""
    login = services.login
    if not login.required:
        return Response(status_code=204)
    if not login.may_try():
        raise TooManyError("too many wrong tokens; wait a minute")
    if not (body.code and login.use_code(body.code)) and not (body.token and login.accepts_token(body.token)):
        login.note_failure()
        raise WrongLoginError("the token or code is wrong, or the code was used before: see the server's terminal")
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE,
        login.new_session(),
        max_age=SESSION_SECONDS,
        path=request.scope.get("root_path") or "/",
        httponly=True,
        samesite="strict",
        secure=services.config.secure_cookies or request.url.scheme == "https",
    )
    return response


@router.post("/api/logout", status_code=204)
def log_out(request: Request) -> Response:
    """Close this browser's session."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path=request.scope.get("root_path") or "/", httponly=True, samesite="strict")
    return response
