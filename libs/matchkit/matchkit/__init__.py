"""Are these two records of one customer? Answers with evidence, one record at a time, the same in any order."""
