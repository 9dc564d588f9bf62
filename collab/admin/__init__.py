"""The admin: what rooms are, who is in them and how large they are, never what is written in them.

No list costs a query per row, and no page loads the payload of an update, a snapshot or an image.
"""

from collab.admin import log, people, rooms

__all__ = ["log", "people", "rooms"]
