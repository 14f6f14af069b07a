"""Font files that ship with DeepSynth: DejaVu Sans Mono (its free license lies beside it)."""
