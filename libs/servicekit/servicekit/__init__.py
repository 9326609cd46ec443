"""What every Leadchain service needs and no customer would recognise."""
