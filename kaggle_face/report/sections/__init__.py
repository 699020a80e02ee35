"""The sections of the report, one file each behind `report.section.Section`."""
