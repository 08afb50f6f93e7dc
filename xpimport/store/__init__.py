"""KEEPS: one SQLite file: where it is, opening it, transactions, claims, and the schema's whole history."""
