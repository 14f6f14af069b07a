"""Examples become a checkpoint."""
