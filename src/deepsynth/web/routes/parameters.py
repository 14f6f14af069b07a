"""Parameters that many routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

Identity = Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["0f3a5c7d9e1b2a4c"])]
"""An id: sixteen hexadecimal digits."""
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=10**12)]
