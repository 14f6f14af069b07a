"""Where records come from: files, installed packages, Debian descriptions, the Hub."""

from deepsynth.data.sources import manuals, packages
from deepsynth.data.sources.base import DocumentSource, Rejection, RowSource, SourceFactory, sources
from deepsynth.data.sources.debian import source as debian
from deepsynth.data.sources.opening import open_source

__all__ = [
    "DocumentSource",
    "Rejection",
    "RowSource",
    "SourceFactory",
    "debian",
    "manuals",
    "open_source",
    "packages",
    "sources",
]
