"""The rules of engagement, as people write them: YAML, each with its JSON Schema and its loader."""
