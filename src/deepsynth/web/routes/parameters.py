"""Parameters and answers that several routes share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import AfterValidator, BaseModel, WithJsonSchema
from starlette.convertors import Convertor, register_url_convertor

from deepsynth.workflows.catalog import job_kinds


class IdConvertor(Convertor[str]):
    """Lets `{job_id:id}` in a route match ids alone, so that its fixed neighbors (`/api/jobs/check`) are no ids."""

    regex = "[0-9a-f]{16}"

    def convert(self, value: str) -> str:
        """Return the id as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """Return the id as it stands."""
        return value


register_url_convertor("id", IdConvertor())
Identity = Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["0f3a5c7d9e1b2a4c"])]
"""An id: sixteen hexadecimal digits."""


def known_kind(name: str) -> str:
    """Return the name of a kind of job.

    Raises:
        ValueError: there is no such kind.
    """
    if name not in job_kinds():
        raise ValueError(f"no kind of job {name[:60]!r}; known: {', '.join(job_kinds())}")
    return name


Kind = Annotated[str, AfterValidator(known_kind), WithJsonSchema({"type": "string", "enum": list(job_kinds())})]
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=10**12)]
PageNumber = Annotated[int, Path(ge=0, le=10**6)]

PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}
"""How OpenAPI is told of a route that answers a picture."""


def png_answer(content: bytes) -> Response:
    """Return a picture that a browser may keep for an hour, and nobody on the way."""
    return Response(content, media_type="image/png", headers={"cache-control": "private, max-age=3600"})


class Message(BaseModel):
    """What was done."""

    message: str
