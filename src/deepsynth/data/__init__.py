"""Documents and summaries become batches."""
