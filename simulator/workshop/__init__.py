"""Workshops as plain data and rules: who may do what, when, and what a group's calls say together. No web, no database.

`records` the frozen objects · `rules` what is allowed now · `codes` passwords, codes and browser keys · `group` the numbers
of a group debriefing and the rows of its results.
"""
