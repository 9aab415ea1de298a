"""The phone app: pages, static files, service worker."""
