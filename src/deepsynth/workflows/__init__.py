"""The verbs: each takes settings, a reporter and a control, and returns a result."""
