"""The sync engine: pages that are open, peers on them, and the way of their edits to the log.

Plain asyncio. No Django, no sockets, no pycrdt documents: what the engine needs from outside is a Protocol in
``ports``, what it passes on are bytes that ``collab.wire`` has checked. Tests run it with a memory store and a clock
that they move by hand.
"""
