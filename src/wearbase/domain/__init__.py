"""What a fact is: records, days, units, windows, errors and the provider protocol. No I/O."""
