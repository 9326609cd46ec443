"""Protobuf to domain and back, without decisions; one module for each noun."""
