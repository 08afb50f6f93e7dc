"""From a claimed trigger to every recipient's fate: the ledger, the connections, a cluster."""
