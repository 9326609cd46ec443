"""lead-intake decides whether a delivery is authentic, new, and what it says."""
