"""Rooms that several people edit at once: boards and documents on Django Channels."""
