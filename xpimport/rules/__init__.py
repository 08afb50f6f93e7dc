"""KNOWS: pure rules. Time and data come in as arguments; no SQL, no files."""
