"""The product's settings with a data directory of this run's own, so that no test touches anybody's rooms.

Variables of whoever runs the tests change nothing, but for DATABASE_URL: the tests run on Postgres too.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

for _name in [name for name in os.environ if name.startswith("COLLAB_") and name != "COLLAB_REQUIRE_ALL"]:
    del os.environ[_name]
_data_dir = tempfile.mkdtemp(prefix="collab-tests-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
os.environ["COLLAB_DATA_DIR"] = _data_dir

from config.settings import *

# The real hasher costs a quarter of a second for every account a test makes.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
COLLAB_UNKNOWN_VARIABLES: list[str] = []

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as in production: tables of an in-memory database are locked against other threads' readers.
    DATABASES["default"]["TEST"] = {"NAME": f"{_data_dir}/test.sqlite3"}  # noqa: F405
