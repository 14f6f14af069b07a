"""A document becomes page images."""
