"""The WebSocket edges: translate and delegate."""
