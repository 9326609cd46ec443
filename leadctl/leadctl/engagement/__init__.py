"""`leadctl follow-ups`: what was done about leads, and what proves it."""

from leadctl.engagement.follow_ups import follow_ups_app

__all__ = ["follow_ups_app"]
