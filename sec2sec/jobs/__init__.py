"""Trainings that outlive the page and the server: a folder and a process for each."""
