"""The web application (extra `web`); nothing below it imports it."""
