"""Summaries and references become a report."""
