"""Reports to authorities: each recipient a plug-in (docs/upstream.md)."""
