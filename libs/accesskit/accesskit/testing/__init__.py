"""What other packages' tests need of permissions."""
