"""What was done about leads and how far they are: `leadctl follow-ups`, `behaviours`, `stages`, `tasks`, `visits`."""

from leadctl.engagement.behaviours import behaviours_app
from leadctl.engagement.follow_ups import follow_ups_app
from leadctl.engagement.stages import stages_app
from leadctl.engagement.tasks import tasks_app
from leadctl.engagement.visits import visits_app

__all__ = ["behaviours_app", "follow_ups_app", "stages_app", "tasks_app", "visits_app"]
