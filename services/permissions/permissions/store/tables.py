"""All tables of permissions, for its migrations; what serves speaks SQL and imports none of this."""

from permissions.store import rows_audit, rows_exports, rows_leases
from permissions.store.rows import Base

__all__ = ["Base", "rows_audit", "rows_exports", "rows_leases"]
