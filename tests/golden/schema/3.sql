-- application_id 0x50726f62, user_version 3
CREATE TABLE checked (
    time INTEGER NOT NULL
) STRICT;
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    id ANY NOT NULL,
    kind INTEGER NOT NULL,
    version INTEGER NOT NULL,
    time INTEGER NOT NULL,
    source TEXT,
    run TEXT,
    correlation TEXT,
    trace TEXT,
    outcome INTEGER,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_correlation ON event (correlation, time) WHERE correlation IS NOT NULL;
CREATE UNIQUE INDEX event_by_id ON event (id);
CREATE INDEX event_by_kind ON event (kind, outcome, time);
CREATE INDEX event_by_outcome ON event (outcome, time) WHERE outcome > 0;
CREATE INDEX event_by_run ON event (run, time) WHERE run IS NOT NULL;
CREATE INDEX event_by_run_end ON event (run, time) WHERE kind = 2;
CREATE INDEX event_by_time ON event (time);
CREATE INDEX event_by_trace ON event (substr(trace, 4, 32), time) WHERE trace IS NOT NULL;
CREATE TABLE event_kind (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE event_last (
    sequence INTEGER NOT NULL,
    let_go INTEGER NOT NULL
) STRICT;
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
CREATE TABLE store_identity (
    epoch TEXT NOT NULL
) STRICT;
