"""Who of an audience is not sent to, and why."""
