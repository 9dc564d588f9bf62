"""What people type. The modules beside ``commands`` are imported before anything is installed.

``bootstrap``, ``console`` and ``ports`` use the standard library only and parse on Python 3.8, so that an old Python
can be told what to do instead of failing on syntax.
"""
