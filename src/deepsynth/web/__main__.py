"""Starts the web application: `deepsynth web` and `python3 -m apps.web` both end here."""

from __future__ import annotations

import ipaddress
import sys

from deepsynth.core.errors import DeepSynthError, MissingExtraError, SettingsError
from deepsynth.web.config import WebConfig, from_environment


def is_loopback(host: str) -> bool:
    """Tell whether `host` can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(config: WebConfig) -> None:
    """Serve until stopped.

    Raises:
        SettingsError: the address is not loopback: there is no login yet, so the application stays closed to others.
        MissingExtraError: the `web` extra is not installed.
    """
    if not is_loopback(config.host):
        raise SettingsError(f"host {config.host} is not loopback; use 127.0.0.1 (there is no login yet)", field="host")
    try:
        import uvicorn

        from deepsynth.web.app import create_app
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "fastapi", "web") from error
    uvicorn.run(create_app(config), host=config.host, port=config.port, timeout_graceful_shutdown=5)


def main() -> int:
    """Serve with the settings of the environment; return the exit code."""
    try:
        serve(from_environment())
    except DeepSynthError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
