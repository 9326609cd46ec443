"""reporting decides what the numbers say, and whether they can be trusted."""
