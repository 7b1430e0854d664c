"""Who may ask the server: only who has its address, token included, and only by this machine's own names."""

import secrets

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.errors import UserError

HOST = "127.0.0.1"
_NAMES = [HOST, "localhost"]

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class _Token:
    """Passes on what is asked below `/TOKEN/`, and refuses all else."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._root = f"/{token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        root, rest = path[: len(self._root)], path[len(self._root) :]
        app: ASGIApp = PlainTextResponse("This is not the whole address, which `lbar listen` printed.\n", 403)
        if secrets.compare_digest(root.encode(), self._root.encode()) and rest.startswith("/"):
            app, scope = self._app, {**scope, "path": rest, "raw_path": rest.encode()}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await app(scope, receive, with_headers)


def guarded(app: FastAPI, token: str) -> ASGIApp:
    """A server that answers below `/TOKEN/` only, and only where it is called by a name of this machine.

    Another name in the request means that a page of somebody else's has had its own name point here (DNS rebinding).
    What a person can mend is told in a line, as JSON `{"detail": …}`.
    """

    @app.exception_handler(UserError)
    async def told(_request: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(OSError)
    async def gone(_request: Request, error: OSError) -> JSONResponse:
        return JSONResponse({"detail": f"{error.filename}: {error.strerror or error}"}, 404)

    return TrustedHostMiddleware(_Token(app, token), allowed_hosts=_NAMES)
