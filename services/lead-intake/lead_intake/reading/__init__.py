"""Reads deliveries: from a channel's opened bytes to a finding about each item. Pure; no input makes it raise."""

from lead_intake.reading.deliveries import read_delivery, read_fetched, read_values
from lead_intake.reading.lexicons import Lexicons, load_lexicons

__all__ = ["Lexicons", "load_lexicons", "read_delivery", "read_fetched", "read_values"]
