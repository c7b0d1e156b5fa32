"""What speaks to programs of others: one folder for each kind of far side, each way of speaking a plug-in."""
