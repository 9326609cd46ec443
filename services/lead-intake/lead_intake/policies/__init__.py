"""Data files: the gazetteer of China and the preset industries."""
