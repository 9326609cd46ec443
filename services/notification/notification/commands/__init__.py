"""What notification does: keeps reminders, sends them, and keeps where they go."""

from notification.commands.privacy import erase_leads, kept_about
from notification.commands.recipients import RecipientBook, put_recipients
from notification.commands.reminders import keep_reminders, record_answers
from notification.commands.sender import Sender

__all__ = [
    "RecipientBook",
    "Sender",
    "erase_leads",
    "keep_reminders",
    "kept_about",
    "put_recipients",
    "record_answers",
]
