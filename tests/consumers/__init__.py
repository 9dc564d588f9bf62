"""The WebSocket edges, in process: the whole ASGI application without a server."""
