"""How the table of leads numbers where a lead stands."""

STATE_ASSIGNED = 1
STATE_WAITING = 2
STATE_MERGED = 3
STATE_WITHDRAWN = 4
STATE_POOLED = 5
