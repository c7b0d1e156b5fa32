"""A synthetic community played through the product itself, and what was found counted against what is wrong in it."""
