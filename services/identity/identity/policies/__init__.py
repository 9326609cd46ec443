"""The rules of identity as data: which systems there are, how their fields are named, whose value survives."""
