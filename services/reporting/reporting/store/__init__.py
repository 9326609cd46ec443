"""Queries, and rows to domain and back; one module for each noun. The tables (`rows`) are for migrations alone."""
