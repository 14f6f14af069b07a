"""The routes, by subject; each reads, calls, answers."""
