"""The only outbound HTTP: joins a provider's rules, the stored grant and the budget into `send`."""
