"""The Training tab: the form, the status of trainings, curves, and the validation clips as the model learns."""
