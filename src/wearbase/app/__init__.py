"""The composition root: settings become parts, parts become a server or a worker."""
