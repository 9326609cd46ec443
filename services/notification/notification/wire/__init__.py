"""Between protobuf and the domain, one module for each noun; nothing is decided here."""
