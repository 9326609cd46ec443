"""What assignment keeps: leads and their owners, decisions, timers, reps, and whose turn it is.

Whoever writes in more than one table takes locks in this order: arrivals, customers, leads, loads, roster. The loads
of the candidates are the one place where decisions wait for each other; with them held, turns and open leads stand
still.
"""

from assignment.store import privacy

__all__ = ["privacy"]
