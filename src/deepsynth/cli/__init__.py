"""The command line: `deepsynth VERB`; parses, calls a workflow, prints, and turns errors into exit codes."""
