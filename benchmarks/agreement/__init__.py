"""Same name, other arithmetic: every optimizer here, beside those of its name elsewhere.

`make agreement` runs them and writes agreement.json. `libraries` says whose and runs them,
`variations` finds out what differs, `rows` measures one pair of them.
"""
