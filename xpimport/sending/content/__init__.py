"""One person's message: templates in a sandbox, CSS, plain text, MIME."""
