"""From sorted parts to profiles: reconcile with the store, resolve who each person is, merge in short transactions."""
