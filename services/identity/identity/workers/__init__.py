"""Work that goes on in the background: each step is one transaction, and any number of replicas may take it."""
