"""One job from scans to spreadsheets: claim, read, commit, export. Backlogs and the drop folder both go through here."""
