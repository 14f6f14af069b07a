"""The model and the drawing of documents in processes of their own, so that a server stays light, alive and responsive."""
