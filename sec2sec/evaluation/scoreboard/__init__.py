"""Which explanation finds what was planted? Methods of explanation side by side, on clips whose truth is known."""

from sec2sec.evaluation.scoreboard.score import Scored, scoreboard_steps, winner
from sec2sec.evaluation.scoreboard.table import as_csv, as_markdown, scoreboard_files, write_scoreboard

__all__ = ["Scored", "as_csv", "as_markdown", "scoreboard_files", "scoreboard_steps", "winner", "write_scoreboard"]
