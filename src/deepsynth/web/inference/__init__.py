"""Summaries over HTTP: OpenAI's form, a plain form, state and metrics. The model runs in a process of its own.

Nothing is imported here, so that the settings can be read where the extra `web` is not installed.
"""
