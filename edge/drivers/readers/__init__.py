"""Readers: what turns a shown or swiped thing into text."""
