"""WHAT PROVIDERS WRITE: a file for each, all pure: JSON values in, what is reported out."""
