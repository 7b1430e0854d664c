"""Audio encoders: one file each, by the name that cards choose it by.

A file has the encoder's module and its `AudioConfig`, which holds all else that is known of the encoder; the constant
`ENCODER` says which class that is.
"""
