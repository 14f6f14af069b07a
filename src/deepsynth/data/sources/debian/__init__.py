"""Debian package descriptions: the long description is the document, the synopsis its summary."""
