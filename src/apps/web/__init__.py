"""The entry for `python3 -m apps.web`."""
