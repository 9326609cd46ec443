"""The command line of the auditor."""


def main() -> int:
    """Verifies a dump; 0 is whole, 2 is tampered with, 3 is incomplete."""
    return 3
