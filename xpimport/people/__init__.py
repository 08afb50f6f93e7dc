"""WHO: profiles, subscriptions, opt-outs and suppressions, changed outside an import: by a person or a click."""
