"""How good and how steady a prediction is: numbers that nobody has to believe us.

`sources` (light frames of anything), `metrics` (one frame against another), `exposure` and
`stability` (over time, in bounded memory), `meters` (a clip against its reference or its source),
`evaluate` (options to report), `report` (what was found), `plot` (its curves).
"""
