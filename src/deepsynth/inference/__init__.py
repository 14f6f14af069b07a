"""A checkpoint summarizes documents."""
