"""Rows, queries, and rows to domain and back; one module for each noun."""
