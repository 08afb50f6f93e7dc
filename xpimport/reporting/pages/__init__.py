"""The reports as pages: one file each, that needs nothing beside itself."""
