"""READS: sources, formats, staging, merge and guards: a list file becomes profiles."""
