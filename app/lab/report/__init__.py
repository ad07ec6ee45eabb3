"""Reports of a comparison: one HTML file, Markdown, CSV and JSON, all from the same `Result`."""

from __future__ import annotations

from app.lab.report.html import html_of
from app.lab.report.markdown import markdown_of
from app.lab.report.shape import json_of, json_text, read_json
from app.lab.report.since import moved
from app.lab.report.table_csv import csv_of

__all__ = ["csv_of", "html_of", "json_of", "json_text", "markdown_of", "moved", "read_json"]
