"""Readings → spreadsheets: JOB.xlsx for people, JOB.csv and JOB.readings.csv for programs."""

from __future__ import annotations

from pipeline.export.job import write_job

__all__ = ["write_job"]
