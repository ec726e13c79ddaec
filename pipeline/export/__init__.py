"""Readings → spreadsheets: JOB.xlsx for people, JOB.csv and JOB.readings.csv for programs; and what people change in them."""

from __future__ import annotations

from pipeline.export.edits import Found, read_edits
from pipeline.export.job import write_job

__all__ = ["Found", "read_edits", "write_job"]
