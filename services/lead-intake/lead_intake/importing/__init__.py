"""Files of rows: the sealed spool they wait in, the formats they come in, and what their rows say."""
