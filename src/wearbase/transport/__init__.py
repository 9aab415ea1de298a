"""The only outbound HTTP: a provider's auth rules, the stored grant and the budget joined into `send`."""
