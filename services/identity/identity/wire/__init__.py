"""Protobuf to domain and back; one module for each noun."""
