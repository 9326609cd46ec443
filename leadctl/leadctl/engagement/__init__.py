"""What was done about leads and how far they are: a module for each noun of engagement."""

from leadctl.engagement.behaviours import behaviours_app
from leadctl.engagement.follow_ups import follow_ups_app
from leadctl.engagement.opportunities import opportunities_app
from leadctl.engagement.recordings import recordings_app
from leadctl.engagement.stages import stages_app
from leadctl.engagement.standings import standings_app
from leadctl.engagement.tasks import tasks_app
from leadctl.engagement.visits import visits_app

__all__ = [
    "behaviours_app",
    "follow_ups_app",
    "opportunities_app",
    "recordings_app",
    "stages_app",
    "standings_app",
    "tasks_app",
    "visits_app",
]
