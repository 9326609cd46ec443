"""From what people type to what can be compared: phones, places, industries, names, companies. Pure; nothing raises."""
