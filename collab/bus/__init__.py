"""How processes tell each other about updates. An accelerator: whatever it loses is read from the log."""
