"""The server: on the loopback address, until it is interrupted."""

import secrets
import socket
from collections.abc import Callable
from contextlib import suppress

from fastapi import FastAPI

from harness.errors import UserError
from leaderboard.listening.guarding import HOST, guarded

PORT = 8765
"""The port that is tried first: by it a browser recognises the page, and remembers what was searched and starred."""


def serve(app: FastAPI, port: int | None, say: Callable[[str], object]) -> None:
    """Serve a page until the process is interrupted.

    Args:
        app: the page and what it asks for.
        port: where; `None` takes `PORT`, or any that is free where that is taken.
        say: is called with the address, as soon as it answers.

    Raises:
        UserError: the port is taken.
    """
    import uvicorn

    token = secrets.token_urlsafe(16)
    with _bound(port) as bound:
        bound.listen()
        say(f"http://{HOST}:{bound.getsockname()[1]}/{token}/")
        config = uvicorn.Config(guarded(app, token), log_level="warning", access_log=False, server_header=False)
        # To end it so is what a person is told to do.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[bound])


def _bound(port: int | None) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, PORT if port is None else port))
    except (OSError, OverflowError) as error:
        if port is not None:
            bound.close()
            raise UserError(f"port {port} cannot be used ({error}); leave --port out") from None
        bound.bind((HOST, 0))
    return bound
