"""The only package that imports pycrdt: updates as bytes anywhere, Yjs documents in the worker process only.

``merge`` works on bytes and is safe in every process. ``jobs`` builds documents and works through whole logs; it is
imported by the process that ``worker`` starts and by nothing else, because a hostile update can end that process and
both hold the GIL.
"""
