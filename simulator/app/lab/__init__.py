"""The persona lab, page `/lab`: edit a caller, talk to it beside its saved version, check what the edit did, save it."""
