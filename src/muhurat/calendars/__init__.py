"""Which session a moment belongs to, and when it opens and closes."""

from muhurat.calendars.calendar import Calendar, DayStatus, calendar_for, desk_overlays
from muhurat.calendars.session import Session, SessionKind, Window, at

__all__ = ["Calendar", "DayStatus", "Session", "SessionKind", "Window", "at", "calendar_for", "desk_overlays"]
