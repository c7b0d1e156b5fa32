"""One face runtime per file, found by the entry point group ``gatehouse.face_engines``."""
