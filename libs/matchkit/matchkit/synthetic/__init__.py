"""Labelled Chinese business customers that nobody is: the records of five systems, and who they really are.

`generate` is deterministic for a seed. Rates of spellings, mistakes and missing values are in
`matchkit.synthetic.systems` and `matchkit.synthetic.world`; `matchkit.synthetic.difficulty` says what they amount to.
"""

from matchkit.synthetic.records import Labelled, generate

__all__ = ["Labelled", "generate"]
