"""The stages a picture passes, in order: validate, detect, screen, embed, persist.

A stage names the class of item it takes and passes every other on, so that what was turned down early
(``KnownImage``, ``RejectedImage``, ``FailedImage``) reaches ``persist`` untouched and ends in the ledger.
"""
