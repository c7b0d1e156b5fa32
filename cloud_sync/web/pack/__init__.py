"""The weekly pack: every figure of a week, as a PDF to read and a workbook to count on with."""
