"""WHAT BECAME OF IT: events that come back to a message, matched by its key, counted once."""
