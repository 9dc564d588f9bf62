"""Speed and memory of the server, beside ``@hocuspocus/server`` in the same run. See ``bench/README.md``."""
