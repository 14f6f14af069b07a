"""The nouns of DeepSynth and the few tools that every package shares; knows no torch and no network."""
