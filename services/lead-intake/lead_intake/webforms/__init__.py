"""Our own page for a form: plain HTML that works without scripts, guarded without cookies."""
