"""PLANS: attributes, campaigns, imports and settings: check and keep what the user set up."""
