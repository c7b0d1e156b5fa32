"""What feeds a node: one file for each way to ask an uninterruptible supply how it is."""
