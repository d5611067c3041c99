"""The Training tab: what may be asked, how trainings stand, curves, and the validation clips as the model learns."""
