"""What notification does: keeps reminders, sends them, and keeps where they go."""

from notification.commands.recipients import RecipientBook, put_recipients
from notification.commands.reminders import keep_reminders, record_answers
from notification.commands.sender import Sender

__all__ = ["RecipientBook", "Sender", "keep_reminders", "put_recipients", "record_answers"]
