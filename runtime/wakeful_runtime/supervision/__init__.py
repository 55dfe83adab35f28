"""A supervisor's side: carries out the rules, watches, ends, adopts."""
