"""assignment decides who must act, and by when."""
