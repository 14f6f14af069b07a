"""Starts the web application: `deepsynth web` and `python3 -m apps.web` both end here."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Sequence

from deepsynth.core.errors import DeepSynthError, MissingExtraError, SettingsError
from deepsynth.core.verbosity import log_level
from deepsynth.web.config import WebConfig, access_token, from_environment
from deepsynth.web.journal import write_log


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
        SettingsError: the address is not loopback and there is no token: anybody could start jobs.
        MissingExtraError: the `web` extra is not installed.
        InputError: the address is taken.
        StorageError: the state folder cannot be used.
    """
    token = access_token(config)
    if token is None and config.uds is None and not is_loopback(config.host):
        raise SettingsError(
            f"host {config.host} is not loopback, so a token is required: set DEEPSYNTH_TOKEN_FILE to a file with one, or"
            " listen on 127.0.0.1",
            field="host",
        )
    try:
        from deepsynth.web.app import create_app
        from deepsynth.web.server import open_listener, serve_app
        from deepsynth.web.services import make_services
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "fastapi", "web") from error
    write_log(config.log_format, level=log_level())
    os.umask(0o077)
    with open_listener(config.host, config.port, config.uds) as listener:
        services = make_services(config, token)
        app = create_app(config, services=services)
        port = None if config.uds else listener.getsockname()[1]  # with port 0, the one that the system has chosen
        address = str(config.uds) if port is None else f"http://{config.host}:{port}{config.root_path}/"
        sys.stderr.write(f"DeepSynth serves {address} (stop with Ctrl-C)\n")
        if token is not None:
            sys.stderr.write(f"Log in once with: {address}login#{services.login.new_code()}\n")
        sys.stderr.flush()
        serve_app(app, listener, on_stop=services.events.close)


def main(arguments: Sequence[str] = ()) -> int:
    """Serve with the settings of the environment; return the exit code. Arguments are refused: none of them would count."""
    try:
        if arguments:
            raise SettingsError(
                f"this entry takes its settings from the environment, not {' '.join(arguments)}; for flags use: deepsynth web"
            )
        serve(from_environment())
    except DeepSynthError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
