"""Deployable entries; the library never imports them."""
