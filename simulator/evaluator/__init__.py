"""Grading of single trainee turns. Import the module you need: `grader` for the evaluator, `heads` for its numbers."""
