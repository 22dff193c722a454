"""Executing recorded jobs again in a clean clone, and comparing what comes out."""
