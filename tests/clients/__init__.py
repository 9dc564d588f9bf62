"""Clients other than our own page: stock y-websocket versions, Python, and those that mean no good."""
