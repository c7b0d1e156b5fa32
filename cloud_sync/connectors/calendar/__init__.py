"""Booking calendars of platforms (iCal): ``fetch`` asks for one, ``ical`` reads it."""
