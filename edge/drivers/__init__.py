"""One file per device; its vendor library is imported when the device is opened, never before."""
