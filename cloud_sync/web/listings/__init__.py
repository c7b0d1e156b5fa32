"""The register of listings: the officer's pages, the plate, and what everybody may ask of a code."""
