"""What assignment decides: who must act on a lead, and by when. Pure."""
