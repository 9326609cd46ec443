"""Queries, and rows to domain and back; one module for each noun. The tables (`rows`) are for migrations alone.

Whoever writes in more than one table takes locks in this order: opportunities by lead id, then what hangs on them.
"""
