"""Import a list of people and send one campaign to exactly those people."""

__version__ = "0.1.0"
