"""The figures of demand, as a table (domain.md §18.4).  Two programs read it: the generator and, by a sum of its own, the check."""

from datetime import date

WEEKDAY = (0.88, 0.86, 0.90, 0.97, 1.18, 1.24, 0.97)  # Monday first
MONTH = (0.95, 0.80, 0.95, 1.02, 1.05, 0.95, 1.22, 1.20, 0.92, 1.10, 0.90, 0.88)
HOLIDAY = 1.55
HOLIDAYS = ((5, 1), (5, 2), (5, 3), (10, 1), (10, 2), (10, 3), (10, 4))  # (month, day)

# The eve and two days at home, then four days of travel (the length of the second part is assumed).
NEW_YEAR = {
    2025: date(2025, 1, 29),
    2026: date(2026, 2, 17),
    2027: date(2027, 2, 6),
    2028: date(2028, 1, 26),
    2029: date(2029, 2, 13),
    2030: date(2030, 2, 3),
}
SPRING_FIRST = -1  # days from new year's day
SPRING = (0.6, 0.6, 0.6, 1.3, 1.3, 1.3, 1.3)

NIGHTS = ((1, 58.0), (2, 26.0), (3, 10.0), (4, 4.0), (5, 1.5), (7, 0.5))
PARTY = (38.0, 44.0, 11.0, 5.0, 2.0)  # 1, 2, 3, 4, 5 people: "4 and more" is 7 in all

# Minutes since midnight of the day of arrival; beyond 1,440 it is the next day already.
ARRIVAL_DAY = (0.6, 15 * 60 + 30, 1.6 * 60)  # share, mean, deviation
ARRIVAL_EVENING = (0.3, 20 * 60 + 30, 1.8 * 60)
ARRIVAL_LATE = (0.1, 23 * 60, 26 * 60)  # share, from, to
