"""From a file to sorted parts: read in blocks, every cell validated, sorted by key; the store is not written."""
