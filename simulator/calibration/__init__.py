"""A facilitator's ratings beside the grader's: turns to rate, agreement of the two, and the scale that follows from them.

It knows neither the store nor the page. Import the module you need: `turns`, `agreement`, `offsets`, `results`, `scaled`.
"""
