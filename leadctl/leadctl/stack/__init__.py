"""The whole system on one machine: servers, services as separate processes, keys and tokens."""
