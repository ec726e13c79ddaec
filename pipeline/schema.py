"""The tables of the journal, and how each version of them is made from the one before."""

from __future__ import annotations

from pipeline.records import TEXT_REASON

#: What makes each version of the schema from the one before; the version is kept in SQLite's user_version.
MIGRATIONS = (
    (
        """
        CREATE TABLE jobs (
            job TEXT PRIMARY KEY,
            version INTEGER NOT NULL DEFAULT 0,  -- counts the changes to what the spreadsheets show
            written INTEGER NOT NULL DEFAULT 0  -- the version that they were last written from
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE scans (
            id INTEGER PRIMARY KEY,
            job TEXT NOT NULL,
            root BLOB NOT NULL,      -- folder it was found in: an inbox or a backlog
            file TEXT NOT NULL,      -- path as the user knows it
            source BLOB NOT NULL,    -- absolute path of the file now; paths are bytes, for not all are text
            target BLOB,             -- where the original is being moved to
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            sha256 TEXT NOT NULL,    -- empty if the bytes could not be had
            state TEXT NOT NULL,
            outcome TEXT,            -- of the last time it was read; stays until it has been read again
            message TEXT NOT NULL DEFAULT '',
            attempts INTEGER NOT NULL DEFAULT 0,
            added REAL NOT NULL,     -- seconds since 1970
            started REAL,
            finished REAL,
            UNIQUE (job, file)
        )
        """,
        "CREATE INDEX scans_by_source ON scans (source)",
        "CREATE INDEX scans_by_content ON scans (job, sha256)",
        "CREATE INDEX scans_by_state ON scans (root, state)",
        """
        CREATE TABLE pages (
            scan INTEGER NOT NULL REFERENCES scans ON DELETE CASCADE,
            page INTEGER NOT NULL,
            note TEXT NOT NULL,
            seconds TEXT NOT NULL,   -- JSON: stage to seconds
            PRIMARY KEY (scan, page)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE readings (
            scan INTEGER NOT NULL,
            page INTEGER NOT NULL,
            position INTEGER NOT NULL,
            "table" INTEGER NOT NULL,
            "row" INTEGER NOT NULL,
            "column" INTEGER NOT NULL,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            text TEXT NOT NULL,
            confidence REAL NOT NULL,
            status TEXT NOT NULL,
            reason TEXT NOT NULL,
            x INTEGER NOT NULL,
            y INTEGER NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            PRIMARY KEY (scan, page, position),
            FOREIGN KEY (scan, page) REFERENCES pages ON DELETE CASCADE
        ) WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE jobs ADD COLUMN workbook TEXT NOT NULL DEFAULT ''",  # SHA-256 of the workbook; two while it is replaced
        "ALTER TABLE pages ADD COLUMN tables TEXT NOT NULL DEFAULT '[]'",  # JSON: forms, rules and sums
        "ALTER TABLE readings ADD COLUMN kind TEXT NOT NULL DEFAULT 'number'",
        "ALTER TABLE readings ADD COLUMN candidates TEXT NOT NULL DEFAULT '[]'",  # JSON: values and probabilities
        "ALTER TABLE readings ADD COLUMN picture BLOB NOT NULL DEFAULT x''",  # PNG
        f"UPDATE readings SET kind = CASE WHEN status IN ('blank', 'unreadable') THEN status "
        f"WHEN reason = '{TEXT_REASON}' THEN 'text' ELSE 'number' END",
        """
        CREATE TABLE edits (         -- what people said of cells; kept for as long as the content is the same
            scan INTEGER NOT NULL REFERENCES scans ON DELETE CASCADE,
            sha256 TEXT NOT NULL,
            page INTEGER NOT NULL,
            "table" INTEGER NOT NULL,
            "row" INTEGER NOT NULL,
            "column" INTEGER NOT NULL,
            value TEXT NOT NULL,
            entered REAL NOT NULL,   -- seconds since 1970
            PRIMARY KEY (scan, sha256, page, "table", "row", "column")
        ) WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE scans ADD COLUMN reader TEXT NOT NULL DEFAULT ''",  # what read it: program, models, forms, settings
        "ALTER TABLE scans ADD COLUMN holder TEXT NOT NULL DEFAULT ''",  # whose the lease is while it is read
        "ALTER TABLE scans ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0",  # of the whole program, with nothing else in hand
        "UPDATE scans SET state = 'waiting' WHERE state = 'reading'",  # from before leases had holders
        "CREATE INDEX scans_by_finish ON scans (root, finished)",
        """
        CREATE TABLE history (       -- every state that every scan has been in, also of scans that are gone
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,        -- seconds since 1970
            scan INTEGER NOT NULL,
            job TEXT NOT NULL,
            file TEXT NOT NULL,
            state TEXT NOT NULL,
            outcome TEXT,            -- with the state "settled": of this time
            message TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            path BLOB NOT NULL,
            reader TEXT NOT NULL
        )
        """,
        "INSERT INTO history (at, scan, job, file, state, outcome, message, sha256, path, reader) "
        "SELECT coalesce(finished, added), id, job, file, state, outcome, message, sha256, source, '' FROM scans ORDER BY 1",
        "CREATE INDEX history_by_content ON history (sha256)",
        "CREATE INDEX history_by_scan ON history (scan)",
    ),
    (
        "ALTER TABLE scans RENAME COLUMN crashes TO deaths",  # of workers that had begun it, since it was last read
        "UPDATE scans SET deaths = 0",
        "ALTER TABLE scans ADD COLUMN begun INTEGER",  # memory.kills() when a worker began it, null before
    ),
)
