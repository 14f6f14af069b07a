"""What every JSON body that a client sends has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """The base of every body: unknown names are refused, and a value of another type is not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)
