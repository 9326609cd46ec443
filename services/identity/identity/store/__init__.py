"""Queries, and rows to domain and back; one module for each noun. The tables (`tables`) are for migrations alone."""
