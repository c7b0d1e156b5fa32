"""The pages of one operator: listings, bookings, the daily return, letters, points and staff; nobody else's and no guest's name."""
