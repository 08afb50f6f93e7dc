"""SENDS: audience, exclusion, rendering, the ledger and the channels."""
