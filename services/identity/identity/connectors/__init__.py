"""Other systems as identity asks and tells them: one adapter for each kind of door, behind one protocol."""
