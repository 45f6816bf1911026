-- application_id 0x50726f62, user_version 2
CREATE TABLE kept (
    what TEXT PRIMARY KEY,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE probe_state (
    probe TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (probe, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE sample (
    series INTEGER NOT NULL,
    time INTEGER NOT NULL,
    count INTEGER NOT NULL,
    average REAL,
    minimum REAL,
    maximum REAL,
    last REAL,
    early INTEGER NOT NULL,
    PRIMARY KEY (series, time)
) STRICT, WITHOUT ROWID;
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    kind TEXT NOT NULL,
    unit TEXT NOT NULL,
    source TEXT NOT NULL,
    cumulative INTEGER NOT NULL,
    UNIQUE (name, labels)
) STRICT;
CREATE TABLE snapshot (
    time INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    document BLOB NOT NULL
) STRICT;
