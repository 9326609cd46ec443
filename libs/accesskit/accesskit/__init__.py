"""May this actor do this, now? The decision function, and the replica that answers it inside every service."""
