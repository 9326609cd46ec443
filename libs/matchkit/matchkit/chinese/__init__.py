"""What is known of Chinese names, companies, places and numbers; text in, comparable values out."""
