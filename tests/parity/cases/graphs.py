"""..."""
from ..harness import Case

CASES: list[Case] = []
