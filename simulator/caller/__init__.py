"""The caller: appraisal, state, intent, guard and voice. It never sees the rubric or the evaluator."""
